"""The options by which every command that asks a node says which one."""

import functools
import os
import socket
from collections.abc import Callable

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.certificate_authority import ca_file_of, ca_file_option
from aiex.cli.node_lookup import NodeChoice, admin_access

type LookUp = Callable[[], AdminClient]


def node_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --node, --admin-url and --data-dir; the command gets `admin`, a client of that node."""

    @look_up_options
    @functools.wraps(command)
    def with_admin(*args: object, look_up: LookUp, **others: object) -> None:
        command(*args, admin=look_up(), **others)

    return with_admin


def look_up_options(command: Callable[..., None]) -> Callable[..., None]:
    """The same options; the command gets `look_up`, to find a node now and again later."""

    @click.option(
        "--node", metavar="NAME", default="", help="The node's name, if several run here."
    )
    @click.option(
        "--admin-url",
        metavar="URL",
        default="",
        help="The node's admin API, if it runs elsewhere.  [env: AIEX_ADMIN_URL, and the token in "
        "AIEX_ADMIN__TOKEN or AIEX_ADMIN__TOKEN_FILE]",
    )
    @click.option(
        "--data-dir", metavar="DIR", default="", help="The node's data directory, if set apart."
    )
    @ca_file_option
    @functools.wraps(command)
    def with_look_up(
        *args: object, node: str, admin_url: str, data_dir: str, ca_file: str, **others: object
    ) -> None:
        choice = NodeChoice(node, admin_url, data_dir)
        command(*args, look_up=lambda: client_of(choice, ca_file), **others)

    return with_look_up


def client_of(choice: NodeChoice, ca_file: str = "") -> AdminClient:
    """A client of the node that is meant; raises `NodeNotFound` when that is not clear."""
    access = admin_access(choice, os.environ, host_name=socket.gethostname())
    return AdminClient(access, ca_file=ca_file_of(ca_file))
