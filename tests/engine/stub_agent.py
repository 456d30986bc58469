"""A tiny agent for the engine's own tests: the control protocol, and one HTTP answer that says what it sees.

`GET /?run=CMD` runs a shell command (stdlib only, no token): enough to look at a sandbox from inside. `STUB` in the
sandbox's env makes it misbehave: `mute` never gets ready, `die` exits at once.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import urllib.parse


class Stub:
    def __init__(self, config, listener):
        self.config = config
        self.listener = listener
        self.server = None

    async def accept(self):
        self.server = await asyncio.start_server(self.answer, sock=self.listener.dup())

    async def answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split(b" ", 2)[1].decode()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)
        said = ""
        if "run" in query:
            shell = await asyncio.create_subprocess_shell(
                query["run"][0],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self.config["workspace"],
            )
            said = (await shell.communicate())[0].decode(errors="replace")
        shown = {name: value for name, value in self.config.items() if name != "token_key"}
        body = json.dumps(
            {"status": "healthy", "said": said, "config": shown, "environ": dict(os.environ)}
        ).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()


async def serve(control, listener):
    reader, writer = await asyncio.open_connection(sock=control)
    config = json.loads(await reader.readline())

    def say(**message):
        writer.write(json.dumps(message).encode() + b"\n")

    manner = config["env"].get("STUB")
    if manner == "mute":
        await reader.read()
        return
    if manner == "die":
        return
    stub = Stub(config, listener)
    await stub.accept()
    say(op="ready", pid=os.getpid())
    say(op="event", event="hello", detail=1)
    while line := await reader.readline():
        op = json.loads(line)["op"]
        if op == "quiesce":
            stub.server.close()
        elif op == "thaw":
            await stub.accept()
        say(op=op, ok=True)
        await writer.drain()
        if op == "stop":
            return


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--control-fd", type=int)
    parser.add_argument("--listen-fd", type=int)
    parser.add_argument("--supervised", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    control, listener = socket.socket(fileno=options.control_fd), socket.socket(fileno=options.listen_fd)
    for each in (control, listener):
        os.set_inheritable(each.fileno(), False)
    listener.setblocking(False)
    asyncio.run(serve(control, listener))


if __name__ == "__main__":
    main()
