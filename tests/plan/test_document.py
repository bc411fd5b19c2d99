"""Any file becomes a tree with lines, or problems with lines: never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadproof.plan.document import (
    MAX_BYTES,
    Mapping,
    did_you_mean,
    line_of,
    near_files,
    parse_document,
    plain,
    read_document,
)

BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg", strict=True)
)

# text, where, message, hint, why
BROKEN = [
    ("a:\n\t- b\n", "f:2", "a tab indents this line", "spaces only", "a tab"),
    ("a: >1ms\n", "f:1", "text block", "quotes", "a block scalar by accident"),
    ("a: %5\n", "f:1", "cannot start any token", "quotes", "a sign that YAML keeps for itself"),
    ("a: b: c\n", "f:1", "mapping values are not allowed", "quotes", "a colon in a value"),
    ("a: 'x\n", "f:2", "unexpected end of stream", "", "a quote that is never closed"),
    (
        "a: {b: 1\n",
        "f:2",
        "ends before a { or a [ is closed",
        "close it with }",
        "a brace that is never closed",
    ),
    ("a: 1\n---\nb: 2\n", "f:2", "a second document begins here", "keep one", "two documents"),
    ("a: *b\n", "f:1", "undefined alias 'b'", "", "an alias of nothing"),
    ("a: 1\nb: 2\na: 3\n", "f:3", "'a' is written twice, first on line 1", "keep one", "a key twice"),
    ("? [a]\n: b\n", "f:1", "a key must be one plain word", "", "a list as key"),
    ("a: !!python/object:os.system x\n", "f:1", "is not supported", "remove it", "a tag that makes objects"),
    ("a: !env x\n", "f:1", "the tag !env is not supported", "remove it", "a tag of one's own"),
    ("a: &x [*x]\n", "f:1", "an alias refers to what contains it", "", "an endless structure"),
    ("a: {<<: 5}\n", "f:1", "'<<' takes an alias of a mapping", "", "a merge of a number"),
    (BOMB, "f", "more than 50,000 values", "", "a bomb of aliases"),
    ("[" * 60 + "]" * 60, "f:1", "nested too deeply", "", "deeper than any configuration"),
    ("[" * 5000, "f", "nested too deeply", "", "deeper than the parser can go"),
    ("a: \x01", "f", "not valid YAML", "", "a control character"),
    ('a: "\\xZZ"', "f:1", "not valid YAML", "", "a broken escape"),
]


@pytest.mark.parametrize(
    ("text", "where", "message", "hint", "reason"), BROKEN, ids=[row[4] for row in BROKEN]
)
def test_what_is_no_plain_yaml_is_a_problem_with_its_line(
    text: str, where: str, message: str, hint: str, reason: str
) -> None:
    """One problem, where it is, and the way out where one is known."""
    _, problems = parse_document(text, "f")
    assert [problem.where for problem in problems] == [where], reason
    assert message in problems[0].message
    assert hint in problems[0].hint


@given(st.one_of(st.text(), st.text(alphabet="a:- \n{}[]*&!|>'\"%@`#,?\t<=1.")))
def test_any_text_is_a_tree_or_problems(text: str) -> None:
    """Nothing that a file may hold makes the reader fail in another way."""
    tree, problems = parse_document(text, "f")
    if tree is None:
        assert all(problem.where.startswith("f") for problem in problems)
    else:
        assert tree.line >= 1


VALUES = [
    ("50", 50), ("1_000", 1000), ("0x1F", 31), ("0o17", 15), ("010", 10), ("1.5", 1.5), ("1e3", 1000.0),
    ("true", True), ("on", "on"), ("no", "no"), ("~", None), ("", None), ("2025-01-01", "2025-01-01"),
    ("'5'", "5"), ("!!str 5", "5"), ("<200ms", "<200ms"), ("80%", "80%"), ("1:30", "1:30"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "value"), VALUES)
def test_values_are_those_of_yaml_1_2(written: str, value: object) -> None:
    """No Norway problem, no sexagesimal numbers, no dates."""
    tree, problems = parse_document(f"a: {written}\n", "f")
    assert tree is not None
    assert problems == []
    assert plain(tree) == {"a": value}


def test_yaml_1_1_numbers_stay_text() -> None:
    """A file that asks for YAML 1.1 gets no minutes and seconds out of 1:30."""
    tree, _ = parse_document("%YAML 1.1\n---\na: 1:30\n", "f")
    assert tree is not None
    assert plain(tree) == {"a": "1:30"}


def test_aliases_and_merges_are_followed() -> None:
    """Own keys win over merged ones; an anchor may be defined again."""
    tree, problems = parse_document("a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: &x 5\nd: *x\n", "f")
    assert tree is not None
    assert problems == []
    assert plain(tree) == {"a": {"p": 1, "q": 2}, "b": {"q": 3, "p": 1}, "c": 5, "d": 5}


def test_every_value_knows_its_line() -> None:
    """The line of a key, of a list's item, and of the nearest thing for what does not exist."""
    tree, _ = parse_document("a:\n  b: 1\n  c:\n    - x\n    - y\n", "f")
    assert isinstance(tree, Mapping)
    paths: list[tuple[str | int, ...]] = [("a",), ("a", "b"), ("a", "c", 1), ("a", "zz"), ("a", "c", 9)]
    assert [line_of(tree, path) for path in paths] == [1, 2, 5, 1, 3]


def test_scalars_can_stay_as_they_were_written() -> None:
    """Variables are text: 010 and 1.10 must not become numbers."""
    tree, _ = parse_document("env: {A: 010, B: 1.10, C: true}\nn: 010\n", "f")
    assert tree is not None
    assert plain(tree, verbatim=lambda path: path[0:1] == ("env",)) == {
        "env": {"A": "010", "B": "1.10", "C": "true"},
        "n": 10,
    }


FILES = [
    (b"a: 1\nb: \xff\n", ":2", "is not UTF-8 text", "another encoding"),
    ("a: 1".encode("utf-16"), ":1", "is not UTF-8 text", "Windows' Unicode"),
    (b"a" * (MAX_BYTES + 1), "", "is larger than 256,000 bytes", "not a configuration"),
]


@pytest.mark.parametrize(("content", "line", "message", "reason"), FILES)
def test_files_that_hold_no_text_are_problems(
    tmp_path: Path, content: bytes, line: str, message: str, reason: str
) -> None:
    """What cannot be read as text says so."""
    file = tmp_path / "f.yaml"
    file.write_bytes(content)
    tree, (problem,) = read_document(file)
    assert tree is None
    assert (problem.where, problem.message) == (f"{file}{line}", message), reason


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Some editors write one."""
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    tree, problems = read_document(file)
    assert tree is not None
    assert (plain(tree), problems) == ({"a": 1}, [])


def test_files_that_cannot_be_opened_are_problems(tmp_path: Path) -> None:
    """Missing, a folder, or no name at all."""
    (tmp_path / "right.yaml").write_text("a: 1\n")
    _, (missing,) = read_document(tmp_path / "rigth.yaml")
    assert missing.message == "no such file"
    assert missing.hint == f"did you mean {tmp_path / 'right.yaml'}?"
    _, (folder,) = read_document(tmp_path)
    assert "cannot be read" in folder.message
    _, (nameless,) = read_document(Path("a\0b"))
    assert nameless.message == "is not a file name"


def test_suggestions() -> None:
    """The nearest word, or all; files of the same kind where none is like it."""
    assert did_you_mean("Profil", ["profile", "target"]) == "did you mean 'profile'?"
    assert did_you_mean("zzz", ["b", "a"]) == "known here: a, b"
    assert did_you_mean("zzz", []) == ""


def test_near_files(tmp_path: Path) -> None:
    """A missing folder is named; a folder without a like name shows what it has of that kind."""
    (tmp_path / "load.js").write_text("")
    assert near_files(tmp_path / "zzzzzzz.js") == f"the folder has {tmp_path / 'load.js'}"
    assert near_files(tmp_path / "zzzzzzz.py") == "no file of this folder ends in .py: is the path right?"
    assert near_files(tmp_path / "zzzzzzz") == ""
    assert near_files(tmp_path / "no" / "x.py") == f"the folder {tmp_path / 'no'} does not exist"
