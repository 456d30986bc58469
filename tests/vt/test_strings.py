from __future__ import annotations

import base64

import pytest

from hopx_tui.vt.reports import Clipboard, Colours, Cwd, Prompt, Title
from hopx_tui.vt.strings import MAX_CLIPBOARD
from tests.vt.term import Term


def events(text: str):
    return Term().feed(text).screen.take_events()


@pytest.mark.parametrize(
    "payload",
    ["\x1bP$qm\x1b\\", "\x1b_Gf=24;AAAA\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\",
     "\x1bktitle\x1b\\", "\x1b]0;t\x07", "\x1b]0;t\x1b\\",
     "\x1b[=1u", "\x1b[>1u", "\x1b[!p", "\x1b[=c", "\x1b F", "\x1b]P1ff00ff", "\x1b]R", "\x1b%G", "\x1b]4;1;?\x07",
     "\x1b[>4;2m",
     "\x1b[?4m", "\x1bPq#0;2;0;0;0\x1b\\", "\x1b]1337;File=:AA\x07", "\x9b31m",
     "\x9d0;t\x9c", "\x90$qm\x9c", "\x1b[31;1$r"],
)  # fmt: skip
def test_nothing_of_a_sequence_is_printed(payload):
    term = Term().feed(f"a{payload}b")
    assert term.rows[0] == "ab"
    for split in range(1, len(payload.encode())):
        data = payload.encode()
        assert Term().feed("a", data[:split], data[split:], "b").rows[0] == "ab"


def test_modify_other_keys_is_no_underline():
    assert Term().feed("\x1b[>4;2mx").style(0).underline == 0


def test_titles():
    term = Term().feed("\x1b]0;both\x07\x1b]1;icon\x07\x1b]2;title\x1b\\")
    assert (term.screen.title, term.screen.icon_name) == ("title", "icon")
    assert term.feed("\x1bkscreen's\x1b\\").screen.title == "screen's"
    assert events("\x1b]2;a\x07\x1b]2;a\x07") == [Title("a")]


@pytest.mark.parametrize(
    ("uri", "link"),
    [("https://x/y", "https://x/y"), ("mailto:a@b", "mailto:a@b"), ("file:///etc", "file:///etc"),
     ("javascript:x", None),
     ("ssh://x", None), ("http://a\nb", None), ("http://" + "x" * 5000, None), ("HTTP://A", "HTTP://A"),
     ("http://a/\u202eb", None), ("http://a/\u200d", None), ("http://\ue000", None), ("http://\U000e0041", None),
     ("http://a/日本", "http://a/日本")],
)  # fmt: skip
def test_links(uri, link):
    term = Term().feed(f"\x1b]8;id=1;{uri}\x1b\\ab\x1b]8;;\x1b\\c")
    assert [term.style(x).link for x in range(3)] == [link, link, None]


def test_clipboard_writes_are_events_and_reads_are_refused():
    text = base64.b64encode("häl\nlo".encode()).decode()
    assert events(f"\x1b]52;c;{text}\x07") == [Clipboard("clipboard", "häl\nlo")]
    assert events(f"\x1b]52;p;{text}\x07") == [Clipboard("primary", "häl\nlo")]
    assert events(f"\x1b]52;;{text}\x07") == [Clipboard("clipboard", "häl\nlo")]
    term = Term().feed("\x1b]52;c;?\x07")
    assert (term.replies(), term.screen.take_events()) == ("", [])
    assert events("\x1b]52;c;%%%\x07\x1b]52;c;/w==\x07\x1b]52;c;ä\x07") == []
    assert events(f"\x1b]52;c;{'A' * (MAX_CLIPBOARD + 4)}\x07") == []


def test_directory():
    assert events("\x1b]7;file://host/a%20b/c\x07") == [Cwd("/a b/c", "host")]
    assert events("\x1b]7;file:///home\x07") == [Cwd("/home", "")]
    assert events("\x1b]7;http://x/y\x07\x1b]7;file://x\x07\x1b]7;file:///a%1bb\x07") == []


def test_prompt_marks():
    assert events("\x1b]133;A\x07\x1b]133;B\x07\x1b]133;C;x=1\x07\x1b]133;D;3\x07\x1b]133;D\x07\x1b]133;Z\x07") == [
        Prompt("A"), Prompt("B"), Prompt("C"), Prompt("D", 3), Prompt("D"),
    ]  # fmt: skip


def test_colour_queries():
    term = Term(colours=Colours(foreground=(1, 2, 3), background=(255, 0, 128)))
    assert term.feed("\x1b]10;?\x07").replies() == "\x1b]10;rgb:0101/0202/0303\x1b\\"
    assert term.feed("\x1b]11;?\x1b\\").replies() == "\x1b]11;rgb:ffff/0000/8080\x1b\\"
    assert term.feed("\x1b]10;?;?;?;?\x07").replies().count("rgb:") == 3
    assert term.feed("\x1b]4;1;?;300;?;;?;2;#fff\x07").replies() == "\x1b]4;1;rgb:cdcd/0000/0000\x1b\\"
    assert term.feed("\x1b]11;#123456\x07").replies() == ""
