"""Bearer tokens and passwords."""

from __future__ import annotations

import pytest

from loadproof.demo.passwords import hash_password, password_matches
from loadproof.demo.tokens import LIFETIME_S, Tokens


class Clock:
    """Time as a test sets it."""

    now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_token_names_its_user_until_it_expires() -> None:
    """A token is good for its lifetime and no second longer."""
    clock = Clock()
    tokens = Tokens(clock)
    token = tokens.issue(17)
    clock.now_s += LIFETIME_S - 1
    assert tokens.user_of(token) == 17
    clock.now_s += 1
    assert tokens.user_of(token) is None


def test_a_token_of_another_process_is_wrong() -> None:
    """A token is checked against this process's key."""
    assert Tokens().user_of(Tokens().issue(17)) is None


@pytest.mark.parametrize("forged", ["", "x", ".", "..", "18{rest}", "{token}0", "None", "é.é.é", "{claim}."])
def test_a_forged_token_is_wrong(forged: str) -> None:
    """Whatever is changed in a token, it is no longer one."""
    tokens = Tokens()
    token = tokens.issue(17)
    text = forged.format(token=token, rest=token.removeprefix("17"), claim=token.rpartition(".")[0])
    assert tokens.user_of(text) is None


def test_the_fixed_token_is_user_1s_and_does_not_expire() -> None:
    """Scenarios that carry `test-token` act as user 1 for as long as they run."""
    clock = Clock()
    tokens = Tokens(clock)
    clock.now_s += 100 * LIFETIME_S
    assert tokens.user_of("test-token") == 1


@pytest.mark.parametrize(("password", "matches"), [("testpass", True), ("testpas", False), ("", False)])
def test_only_the_password_that_was_hashed_matches(password: str, matches: bool) -> None:
    """A password is compared by its salted hash."""
    expected = hash_password("testpass", b"salt")
    assert password_matches(password, b"salt", expected) is matches
