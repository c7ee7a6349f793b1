"""What a profile is written as, read from and compared by. All pure: bytes in, bytes out."""

from aiex.performance.formats.difference import MEANINGS, By, Difference, default_by
from aiex.performance.formats.difference_document import difference_document
from aiex.performance.formats.flame_page import flame_page
from aiex.performance.formats.functions import (
    FunctionChange,
    FunctionWeight,
    function_changes,
    function_weights,
)
from aiex.performance.formats.output_format import FORMATS, OutputFormat, format_of
from aiex.performance.formats.reading import ProfileUnreadable, read_profile
from aiex.performance.formats.selection import (
    Selection,
    label_weights,
    labelled,
    selected,
)

__all__ = [
    "FORMATS",
    "MEANINGS",
    "By",
    "Difference",
    "FunctionChange",
    "FunctionWeight",
    "OutputFormat",
    "ProfileUnreadable",
    "Selection",
    "default_by",
    "difference_document",
    "flame_page",
    "format_of",
    "function_changes",
    "function_weights",
    "label_weights",
    "labelled",
    "read_profile",
    "selected",
]
