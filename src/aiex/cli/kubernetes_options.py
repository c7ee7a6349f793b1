"""The options by which commands about Kubernetes say which cluster and which namespace."""

import functools
import os
from collections.abc import Callable

import click

from aiex.kubernetes import Access, access

type FindAccess = Callable[[], Access]


def kubernetes_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --kubeconfig, --context and --namespace; the command gets `find_access`, `namespace`.

    `find_access` raises `KubernetesAccessMissing` when there is no way to an API; an empty
    `namespace` means the one of the access.
    """

    @click.option(
        "--kubeconfig",
        metavar="FILE",
        envvar="KUBECONFIG",
        default="",
        help="How to reach the Kubernetes API; in a pod its service account, else ~/.kube/config.  "
        "[env: KUBECONFIG]",
    )
    @click.option("--context", metavar="NAME", default="", help="The context in that file.")
    @click.option(
        "-n", "--namespace", metavar="NAME", default="", help="The namespace; the context's own."
    )
    @functools.wraps(command)
    def with_access(*args: object, kubeconfig: str, context: str, **others: object) -> None:
        command(*args, find_access=lambda: access(kubeconfig, context, os.environ), **others)

    return with_access
