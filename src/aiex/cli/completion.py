"""`aiex completion`: a script for the shell that makes Tab complete commands and options."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a script that makes Tab complete in SHELL.

    \b
    Put one of these where your shell starts:
      eval "$(aiex completion bash)"              in ~/.bashrc
      eval "$(aiex completion zsh)"               in ~/.zshrc
      aiex completion fish | source               in ~/.config/fish/config.fish
    """
    shell_class = get_completion_class(shell)
    assert shell_class is not None, "click knows the shells of the choice above"
    root = click.get_current_context().find_root().command
    click.echo(shell_class(root, {}, "aiex", "_AIEX_COMPLETE").source())
