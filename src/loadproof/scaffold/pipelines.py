"""The pipelines that `loadproof init --ci` writes: one row for each CI system."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from loadproof.safety.hosts import is_loopback
from loadproof.scaffold.template import render
from loadproof.version import __version__

BASELINES: Final = ".loadproof/baselines"
"""Where `loadproof baseline` keeps what it is given; CI restores and saves this folder."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    template: str
    file: str
    """Where the CI system looks for it."""
    next_step: str


PIPELINES: Final[dict[str, Pipeline]] = {
    "github": Pipeline(
        "github.yml",
        ".github/workflows/performance-tests.yml",
        "commit it; it runs every night, by hand, and for each push to pull requests labelled `performance`",
    ),
    "gitlab": Pipeline(
        "gitlab.yml",
        ".gitlab/performance-tests.yml",
        "add `include: .gitlab/performance-tests.yml` to .gitlab-ci.yml, and a pipeline schedule",
    ),
    "jenkins": Pipeline(
        "Jenkinsfile",
        "Jenkinsfile.performance",
        "make a (multibranch) pipeline job with the script path Jenkinsfile.performance",
    ),
}


_COMMENTS: Final = {
    "gitlab": {
        "token": "PRIVATE-TOKEN: $GITLAB_TOKEN", "commit": "${CI_COMMIT_SHORT_SHA}",
        "update": "PUT", "url": "$comments",
    },
    "jenkins": {
        "token": "Authorization: Bearer $GITHUB_TOKEN", "commit": "$(git rev-parse --short=9 HEAD)",
        "update": "PATCH", "url": "$issues/comments",
    },
}  # fmt: skip
"""How the comment is made where no program of the CI system does it; GitHub's is `gh`."""


_EXTRAS: Final = ("jmeter", "k6")
"""Engines that an extra of that name brings."""


def pipeline_file(
    name: str,
    tests: Sequence[str],
    compose: str | None,
    target: str | None,
    engines: Collection[str] = ("k6",),
    published: str | None = None,
) -> dict[str, str]:
    """The one file of a pipeline, by path. `name` is one of PIPELINES; `engines` play the `tests`.

    `published`: where the compose file publishes the service. That is loaded where `target` is another
    machine, as the pipeline starts what it compares.
    """
    if compose is not None and not re.fullmatch(r"[A-Za-z0-9._/-]+", compose):
        raise ValueError(f"not a plain file name for a shell: {compose!r}")
    pipeline = PIPELINES[name]
    away = published is not None and not is_loopback(urlsplit(target or published).hostname or "")
    parts = urlsplit((published if away else target) or "http://127.0.0.1:8000")
    port = f":{parts.port}" if parts.port else ""
    target = f" --target {published}" if away else ""
    if name == "gitlab" and compose:
        target = ' --target "$TARGET"'
    program = ".loadproof-venv/bin/" if name == "jenkins" else ""
    extras = ",".join(extra for extra in _EXTRAS if extra in engines)
    steps = {
        "extras": f"[{extras}]" if extras else "",
        "compose": compose, "version": __version__,
        "loadproof": f"{program}loadproof", "pip": f"{program}pip",
        "target": target, "github": " --github" if name == "github" else "",
    }  # fmt: skip
    comment = render("comment.sh", **_COMMENTS[name]) if name in _COMMENTS else ""
    text = render(
        pipeline.template, tests=list(tests), compose=compose, baselines=BASELINES, java="jmeter" in engines,
        dind_target=f"{parts.scheme}://docker{port}{parts.path}", local_target=parts.geturl(),
        install=render("install.sh", **steps), ab=render("ab.sh", **steps),
        nightly=render("nightly.sh", **steps), comment=comment,
    )  # fmt: skip
    return {pipeline.file: text}
