"""`aiex profile diff` and `convert`: profiles in files, compared and written in other forms."""

from pathlib import Path
from typing import get_args

import click

from aiex.cli.profile_options import count_option, only_selected, selection_options
from aiex.cli.profile_target import target_of, target_options
from aiex.cli.profile_text import difference_lines, profile_lines
from aiex.performance import Profile
from aiex.performance.formats import (
    By,
    Difference,
    ProfileUnreadable,
    Selection,
    default_by,
    difference_document,
    read_profile,
)

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
@click.option(
    "--by",
    type=click.Choice(get_args(By.__value__)),
    help="How the two are made comparable.  [default: seconds; weight for memory]",
)
@selection_options
@count_option
@target_options
def diff(
    before: Path,
    after: Path,
    by: By | None,
    selection: Selection,
    count: int,
    output: str,
    format_name: str | None,
) -> None:
    """Compare two profiles in files.

    BEFORE is scaled to AFTER first. By seconds: as if both had looked equally long, which shows
    what is done more of. By share: as if both had the same total, which shows what the same work
    costs more of, whatever the load. By weight: as they are, for memory.

    \b
    Examples:
      aiex profile diff before.json after.json
      aiex profile diff before.json after.json --by share -o changed.html
      aiex profile diff before.json after.json --route /v1/embeddings -o changed.pb.gz
    """
    target = target_of(output, format_name)
    first, second = (only_selected(_read(path), selection) for path in (before, after))
    if first.kind != second.kind:
        raise ProfileUnreadable(
            f"{before} is a {first.kind} profile and {after} a {second.kind} profile; only two of "
            "one kind can be compared."
        )
    difference = Difference(first, second, by or default_by(second.kind))
    if target.format is None:
        click.echo("\n".join(difference_lines(difference, count)))
    else:
        write = target.format.write_difference or difference_document
        target.put(write(difference), is_difference=True)


@click.command()
@click.argument("file", type=_FILE)
@selection_options
@count_option
@target_options
def convert(
    file: Path,
    selection: Selection,
    count: int,
    output: str,
    format_name: str | None,
) -> None:
    """Write the profile in FILE in another form, or show it as text.

    Read are .json and .speedscope.json files, of Aiex or another tool (such as py-spy).

    \b
    Examples:
      aiex profile convert monday.json
      aiex profile convert monday.json -o monday.html
      aiex profile convert monday.json --model fast -o fast.pb.gz
    """
    target = target_of(output, format_name)
    seen = only_selected(_read(file), selection)
    if target.format is None:
        click.echo("\n".join(profile_lines(seen, count)))
    else:
        target.put(target.format.write(seen))


def _read(path: Path) -> Profile:
    try:
        document = path.read_bytes()
    except OSError as error:
        raise ProfileUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    return read_profile(document, str(path))
