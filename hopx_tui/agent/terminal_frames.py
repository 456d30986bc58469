"""The frames of terminals: what is read from a client, what is sent to it, and how much the kernel may hold."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp.http_websocket import WSMessage, WSMsgType
from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.http import Call

SEND_BUFFER = 64 << 10
LARGEST_SIZE = 2000
SHORT_FRAME = 4096
LARGEST_MESSAGE = 8 << 20


class Message(msgspec.Struct):
    """`input` with data, or `resize` with cols and rows; anything else is ignored."""

    type: str = ""
    data: str = ""
    cols: int = 0
    rows: int = 0

    @property
    def is_resize(self) -> bool:
        """With a size that makes sense."""
        return self.type == "resize" and 0 < self.cols <= LARGEST_SIZE and 0 < self.rows <= LARGEST_SIZE


class FrameReader:
    """Reads the messages of one socket; `receive` gives its frames."""

    def __init__(self, receive: Callable[[], Awaitable[WSMessage]]) -> None:
        self._receive = receive
        self._decoder = msgspec.json.Decoder(Message)

    async def next(self) -> Message | None:
        """The next message that makes sense; None once the socket is closed."""
        while True:
            frame = await self._receive()
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return None
            try:
                return self._decoder.decode(frame.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue


def encode_frame(message: dict[str, Any]) -> str:
    """One text frame."""
    return msgspec.json.encode(message).decode()


def send_at_once(websocket: WebSocketResponse, request: Call, frame: str) -> bool:
    """Send a short text frame before this returns; False, and nothing sent, where `send_str` must.

    What a key brings back is short and waited for; the library's way to the same bytes ends a turn of the loop later.
    """
    transport = request.transport
    if len(frame) > SHORT_FRAME or transport is None or websocket.closed:
        return False
    if transport.is_closing() or transport.get_write_buffer_size():
        return False
    data = frame.encode()
    length = bytes((len(data),)) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
    transport.write(b"\x81" + length + data)  # RFC 6455 section 5.2: a whole text frame, unmasked from a server
    return True


def small_send_buffer(request: Call) -> None:
    """What lies in the kernel's buffers is shown however long ago the user pressed Ctrl-C."""
    connection: Any = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
