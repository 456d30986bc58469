"""Frames of displayed values, which the sandbox may have written itself."""

from __future__ import annotations

import pytest

from hopx_tui.agent.rich import read_frames, rich_fields


def frame(kind, mime, data):
    return f"{kind} {mime} {len(data)}\n".encode() + data


def test_frames_and_fields():
    shown = list(
        read_frames(
            frame("display", "text/html", b"first")
            + frame("display", "image/png", b"\x89PNG")
            + frame("display", "text/html", b"second\xff")
            + frame("display", "application/json", b"[1]")
            + frame("display", "application/json", b"{broken")
            + frame("display", "application/vnd.plotly.v1+json", b'{"data":[]}')
            + frame("display", "image/gif", b"GIF")
            + frame("result", "text/plain", b"42")
        )
    )
    fields = rich_fields(shown)
    assert fields.pop("rich_outputs")[1]["data"] == {"image/png": "iVBORw=="}
    assert fields == {"html": "second\ufffd", "png": "iVBORw==", "json": {"data": []}, "result": "42"}
    assert [each["type"] for each in rich_fields(shown)["rich_outputs"]] == [
        "text/html", "image/png", "text/html", "application/json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "nonsense",
    [
        b"", b"\n", b"x" * 1000, b"a b\n", b"a b -1\n", b"a b 99999999999\n", b"a b 5\nabc", b"a b \xd9\xa3\n123",
        b"a b c d\n",
    ],
)  # fmt: skip
def test_nonsense_ends_the_reading(nonsense):
    good = frame("display", "text/html", b"x")
    assert [shown.data for shown in read_frames(good + nonsense)] == ["x"]
    assert rich_fields(read_frames(nonsense)) == {"rich_outputs": []}


async def test_code_that_writes_to_the_descriptor_itself(site):
    code = (
        "import os, stat, sys\n"
        "for fd in range(3, 500):\n"
        "    try:\n"
        "        if stat.S_ISFIFO(os.fstat(fd).st_mode): os.write(fd, b'nonsense\\n' * 1000)\n"
        "    except OSError: pass\n"
        "print('fine')\n5"
    )
    out = (await site.post("/execute", code=code)).json()
    assert (out["stdout"], out["exit_code"], out["rich_outputs"]) == ("fine\n", 0, [])
    assert "result" not in out
