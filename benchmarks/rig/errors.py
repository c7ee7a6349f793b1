"""What can stop a benchmark, or a single figure of it."""


class RigError(Exception):
    """The rig cannot be built here; the message says what is missing and what to do."""


class Refused(Exception):
    """A run whose numbers would mislead; the message says why no figure is printed."""
