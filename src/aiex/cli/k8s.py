"""`aiex k8s`: what is about Aiex in Kubernetes."""

import click

from aiex.cli.k8s_doctor import doctor
from aiex.cli.k8s_nats import nats
from aiex.cli.k8s_secrets import secrets


@click.group()
def k8s() -> None:
    """Look after Aiex in Kubernetes.

    \b
    Examples:
      aiex k8s doctor -n aiex
      aiex k8s secrets make -n models --release aiex --nodes
    """


k8s.add_command(doctor)
k8s.add_command(nats)
k8s.add_command(secrets)
