"""The doorman: an answer for whoever knocks, also in the very moment in which it leaves."""

import asyncio
import socket

import pytest

from hopx_tui.engine.doorman import Doorman

ASK = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_in_the_moment_of_leaving_is_answered(turns):
    """By the one that leaves or by the one that comes, whichever turn of the loop it was accepted in."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        leaving, coming = Doorman(listener), Doorman(listener)
        await leaving.open("SANDBOX_STOPPED")
        with socket.create_connection(listener.getsockname()) as client:
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            leaving.close()
            await coming.open("SANDBOX_PAUSED")
            await loop.sock_sendall(client, ASK)
            answer = await asyncio.wait_for(loop.sock_recv(client, 4096), 5)
        assert answer.startswith(b"HTTP/1.1 ")
        assert b"SANDBOX_" in answer
        coming.close()
        await asyncio.sleep(0.05)
