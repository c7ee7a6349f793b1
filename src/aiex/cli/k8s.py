"""`aiex k8s`: what is about Aiex in Kubernetes."""

import click

from aiex.cli.k8s_doctor import doctor


@click.group()
def k8s() -> None:
    """Look after Aiex in Kubernetes.

    \b
    Examples:
      aiex k8s doctor -n aiex
    """


k8s.add_command(doctor)
