"""Whose certificates the command line trusts: those the system does, and one named by the user."""

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from aiex.errors import AiexError

CA_VARIABLE = "AIEX_CA_FILE"
CA_HINT = f"If its authority is a private one, name its file with --ca-file or {CA_VARIABLE}."


class CaFileRefused(AiexError):
    """The file given with --ca-file cannot be used."""


def ca_file_option(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --ca-file; the command gets `ca_file`, empty when there is none."""
    return click.option(
        "--ca-file",
        metavar="FILE",
        default="",
        help=f"Certificates (PEM) to trust besides the system's.  [env: {CA_VARIABLE}]",
    )(command)


def ca_file_of(given: str, environment: Mapping[str, str] = os.environ) -> str:
    """The file meant: the one given, else the environment's; empty for none."""
    return given or environment.get(CA_VARIABLE, "")


def ca_pem(file: str) -> str:
    """The certificates in the file; raises `CaFileRefused`."""
    try:
        content = Path(file).expanduser().read_text("utf-8")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content)
    except OSError as error:
        if isinstance(error, ssl.SSLError):
            raise CaFileRefused(f"{file} holds no certificate in PEM form.") from error
        raise CaFileRefused(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise CaFileRefused(f"{file} holds no certificate in PEM form.") from error
    return content


def trusting(file: str) -> ssl.SSLContext:
    """What verifies a server's certificate; raises `CaFileRefused`."""
    context = ssl.create_default_context()
    if file:
        # Authorities of companies often lack what the strict check of Python 3.13 wants of them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=ca_pem(file))
    return context
