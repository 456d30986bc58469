"""The door: a call that comes in the very moment in which it is shut."""

import asyncio
import socket
import time

import pytest

from hopx_tui.agent.counters import Counters
from hopx_tui.agent.door import Door
from hopx_tui.agent.gate import Gate
from hopx_tui.agent.http import Route, answer
from hopx_tui.agent.pausing import Pausing
from hopx_tui.agent.server import AgentServer
from hopx_tui.agent.tokens import TokenVerifier

ASK = b"GET /ping HTTP/1.1\r\nHost: here\r\n\r\n"


async def ping(_request):
    return answer({"pong": True})


@pytest.mark.parametrize("turns", range(8))
async def test_a_call_in_the_moment_of_shutting_is_answered(turns):
    """At once, or after the door is opened again, whichever turn of the loop it was accepted in."""
    loop = asyncio.get_running_loop()
    verifier = TokenVerifier(b"k" * 32, "sb", clock=time.time)
    gate = Gate(
        [Route("GET", "/ping", ping, open=True)], verifier=verifier, allowed_hosts=["here"], counters=Counters()
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        server = AgentServer(gate)
        door = Door(listener, server, gate, Pausing())
        await door.open()
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(ASK)
            client.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            await door.shut()
            await door.open()
            heard = await asyncio.wait_for(loop.sock_recv(client, 4096), 5)
        assert heard.startswith(b"HTTP/1.1 200")
        await door.shut()
        await server.shutdown(0.1)
        await asyncio.sleep(0.02)
