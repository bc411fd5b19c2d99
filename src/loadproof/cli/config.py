"""`loadproof config`: what may stand in loadproof.yaml, for editors."""

from __future__ import annotations

import typer

from loadproof.plan.config_schema import config_schema

app = typer.Typer(no_args_is_help=True, help="What may stand in loadproof.yaml.")


@app.callback()
def config() -> None:
    """What may stand in loadproof.yaml."""


@app.command("schema")
def schema() -> int:
    """Print the JSON Schema of loadproof.yaml, by which editors complete keys and mark mistakes."""
    typer.echo(config_schema(), nl=False)
    return 0
