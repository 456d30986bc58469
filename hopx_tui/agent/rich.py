"""What code displayed: reads the frames that guest/display.py writes, and puts them into an answer's fields."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from hopx_tui.agent.http import timestamp

PLOTLY = "application/vnd.plotly.v1+json"
DATAFRAME = "application/vnd.dataframe+json"
# Answer fields of contract 2.5. Where something is displayed more than once, the last one stands in the field; all
# of it is in `rich_outputs`.
FIELDS = {
    "image/png": "png",
    "image/svg+xml": "svg",
    "text/html": "html",
    "text/markdown": "markdown",
    "application/json": "json",
    PLOTLY: "json",
    DATAFRAME: "dataframe",
}
# The only types that official clients let pass; any other there makes them refuse the whole answer.
LISTED = {
    "image/png": "image/png",
    "text/html": "text/html",
    "application/json": "application/json",
    PLOTLY: "application/json",
    DATAFRAME: DATAFRAME,
}
_HEAD_BYTES = 300


class Shown(NamedTuple):
    """One form of one displayed value. `data`: base64 for pictures, text, or decoded JSON."""

    kind: str
    mime: str
    data: Any


def read_frames(frames: bytes) -> Iterator[Shown]:
    """Whole frames only; ends at the first that is none: the sandbox may have written anything."""
    at = 0
    while at < len(frames):
        end = frames.find(b"\n", at, at + _HEAD_BYTES)
        words = frames[at:end].decode("utf-8", "replace").split(" ") if end >= 0 else []
        if len(words) != 3 or not words[2].isascii() or not words[2].isdecimal() or len(words[2]) > 9:
            return
        at = end + 1 + int(words[2])
        if at > len(frames):
            return
        shown = _shown(words[0], words[1], frames[end + 1 : at])
        if shown is not None:
            yield shown


def _shown(kind: str, mime: str, data: bytes) -> Shown | None:
    if mime.endswith("json"):
        try:
            return Shown(kind, mime, msgspec.json.decode(data))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    if mime.startswith("text/") or mime == "image/svg+xml":
        return Shown(kind, mime, data.decode("utf-8", "replace"))
    return Shown(kind, mime, base64.b64encode(data).decode())


def rich_fields(shown: Iterable[Shown]) -> dict[str, Any]:
    """png, svg, html, markdown, json, dataframe, result where there are any; always `rich_outputs`."""
    fields: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []
    for each in shown:
        if each.kind == "result" and each.mime == "text/plain":
            fields["result"] = each.data
        # Clients read an object; a list or a number there makes them refuse the whole answer.
        if each.mime.endswith("json") and not isinstance(each.data, dict):
            continue
        if each.mime in FIELDS:
            fields[FIELDS[each.mime]] = each.data
        listed = LISTED.get(each.mime)
        if listed is not None:
            outputs.append({"type": listed, "data": {listed: each.data}, "metadata": {}, "timestamp": timestamp()})
    return {**fields, "rich_outputs": outputs}
