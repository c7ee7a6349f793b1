"""The option by which a command that looks inside nodes says which ones."""

import click

on_option = click.option(
    "--on",
    "nodes",
    metavar="NODES",
    default="",
    help="Which nodes answer: 'all', or names with commas between; exit status 1 when one of them "
    "does not.  [default: the one asked]",
)
