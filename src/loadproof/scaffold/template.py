"""The files in templates/, filled in.

Delimiters are `<% %>` and `<%= %>`: workflows are full of `${{ }}`, and shell of `{% %}`-like brackets.
"""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined


def render(name: str, **values: object) -> str:
    """The template of that name; a value that it needs and does not get is an error."""
    return _environment().get_template(f"{name}.jinja").render(**values)


@functools.cache
def _environment() -> Environment:
    # No HTML comes of these: the output is YAML, shell and Python, and what is put in has been checked or
    # quoted by whoever puts it in.
    environment = Environment(
        loader=PackageLoader("loadproof.scaffold", "templates"),
        variable_start_string="<%=",
        variable_end_string="%>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<%#",
        comment_end_string="%>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
    )
    # Shell inside a text of a Jenkinsfile, where a backslash is an escape of Groovy's.
    environment.filters["groovy"] = lambda shell: shell.replace("\\", "\\\\")
    return environment
