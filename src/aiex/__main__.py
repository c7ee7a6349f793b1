"""`python -m aiex` is the `aiex` command."""

from aiex.cli.main import main

main()
