"""`aiex k8s`: what is about Aiex in Kubernetes."""

import click


@click.group()
def k8s() -> None:
    """Look after Aiex in Kubernetes."""
