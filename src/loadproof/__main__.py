"""`python -m loadproof` is the `loadproof` command."""

from loadproof.cli import main

main()
