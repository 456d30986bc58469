"""Secrets are kept out of a stream of text, wherever it is cut."""

from __future__ import annotations

import random

import pytest

from hopx_tui.vt.masking import Mask, secret_values


def test_which_values_are_secret():
    variables = {
        "API_KEY": "sk-12345", "db_password": "hunter2x", "MyToken": "tok tok", "CLIENT_SECRET": "abc",
        "HOME": "/root/somewhere", "NOTE": "nothing", "SSH_KEY": "-----A\nB-----\n", "KEY_BLANK": "     ",
    }  # fmt: skip
    assert secret_values(variables) == {"sk-12345", "hunter2x", "tok tok", "-----A\nB-----", "-----A\r\nB-----"}
    assert secret_values({"HOME": "/x/y/z"}, given=["plain-value", "abc"]) == {"plain-value"}


def whole(mask: Mask, pieces: list[tuple[float, str]]) -> list[tuple[float, str]]:
    out = []
    for at, text in pieces:
        out += mask.feed(text, at)
    return out + mask.flush()


def text_of(pieces: list[tuple[float, str]]) -> str:
    return "".join(text for _, text in pieces)


def test_a_secret_in_two_chunks():
    mask = Mask(["hunter2"], patience=0.05)
    assert mask.feed("password: hun", 1.0) == [(1.0, "password: ")]
    assert (mask.held, mask.deadline) == (3, 1.05)
    assert mask.feed("ter2 ok", 1.01) == [(1.0, "****"), (1.01, " ok")]
    assert mask.deadline is None


def test_what_only_looked_like_one_keeps_its_time():
    mask = Mask(["hunter2"], patience=0.05)
    assert mask.feed("hunt", 1.0) == []
    assert mask.feed("ing", 1.02) == [(1.0, "hunt"), (1.02, "ing")]
    assert mask.feed("hunt", 2.0) == []
    assert mask.expire(2.01) == []
    assert mask.expire(2.05) == [(2.0, "hunt")]
    assert mask.expire(9.0) == []
    assert mask.feed("hun", 3.0) == []
    assert mask.feed("ter2", 3.2) == [(3.0, "hun"), (3.2, "ter2")]  # the patience was over


def test_a_secret_typed_by_hand_is_one_too():
    mask = Mask(["hunter2"])
    pieces = [piece for at, char in enumerate("hunter2\r") for piece in mask.feed(char, at * 3.0)]
    assert pieces == [(0.0, "****"), (21.0, "\r")]


def test_nothing_is_held_without_secrets():
    mask = Mask([])
    assert mask.feed("anything", 1.0) == [(1.0, "anything")]
    assert mask.feed("", 1.0) == []
    assert mask.flush() == []


def test_the_longer_of_two_secrets_wins():
    pieces = [(0.0, "abcd"), (0.01, "ef abcd"), (0.02, "x")]
    assert text_of(whole(Mask(["abcd", "abcdef"]), pieces)) == "**** ****x"


def reference(text: str, secrets: list[str]) -> str:
    """From left to right, the longest secret at each place."""
    out, at = "", 0
    while at < len(text):
        found = next((each for each in sorted(secrets, key=len, reverse=True) if text.startswith(each, at)), None)
        out += "****" if found else text[at]
        at += len(found) if found else 1
    return out


@pytest.mark.parametrize("seed", range(40))
def test_every_split_gives_the_same_text_in_order(seed):
    chance = random.Random(seed)
    for _ in range(40):
        secrets = ["".join(chance.choices("ab\r\näß", k=chance.randint(4, 7))) for _ in range(chance.randint(1, 4))]
        text = "".join(chance.choice([*secrets, "a", "b", "ab", "ä", "x"]) for _ in range(chance.randint(0, 30)))
        mask = Mask(secrets, patience=1e9)
        pieces, at = [], 0
        while at < len(text):
            size = chance.randint(1, 9)
            pieces.append((float(len(pieces)), text[at : at + size]))
            at += size
        out, longest = [], max(map(len, secrets))
        for time, piece in pieces:
            out += mask.feed(piece, time)
            assert mask.held < longest
        out += mask.flush()
        assert text_of(out) == reference(text, secrets)
        times = [time for time, _ in out]
        assert times == sorted(times)
