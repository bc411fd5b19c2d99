"""A copy of the plan for one run, in which User Defined Variables have other values.

The user's file is never written. JMeter reads data and included files relative to the folder of the plan, so
the copy lies in a folder of links to what lies around the plan.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loadproof.engines.jmeter.plan_file import PlanFile
    from loadproof.engines.jmeter.values import Variable

_END_OF_TAG = re.compile(rb"(/?)>")


def copy_with_variables(
    file: PlanFile, variables: Mapping[str, Variable], names: list[str], folder: Path
) -> Path:
    """Write the copy below `folder` and return its path."""
    home = file.path.resolve().parent
    nest = folder / "plan" / (home.name or "root")
    nest.mkdir(parents=True)
    for around, place in ((home.parent, nest.parent), (home, nest)):
        for entry in around.iterdir():
            link = place / entry.name
            if not link.exists() and entry != file.path.resolve():
                link.symlink_to(entry)
    data = file.data
    changed = sorted(
        (variables[name] for name in names), key=lambda v: v.node.start if v.node else 0, reverse=True
    )
    for variable in changed:
        if variable.node is not None:
            data = _with_text(data, variable.node.start, variable.node.end, variable.value)
    copy = nest / file.path.name
    if copy.is_symlink():
        copy.unlink()
    copy.write_bytes(data)
    return copy


def _with_text(data: bytes, start: int, end: int, text: str) -> bytes:
    """The document with another text in the element between its start tag and its end tag."""
    tag = _END_OF_TAG.search(data, start)
    if tag is None:
        return data
    new = escape(text).encode("ascii", "xmlcharrefreplace")
    if tag[1]:
        name = data[start + 1 : tag.start()].split()[0]
        return data[: tag.start()] + b">" + new + b"</" + name + b">" + data[tag.end() :]
    return data[: tag.end()] + new + data[end:]
