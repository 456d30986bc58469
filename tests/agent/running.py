"""Runs the real agent as the engine does: a control socketpair, a listening socket, tokens."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
KEY = bytes(range(32))
SANDBOX = "1761048129abcdef"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(*, sub=SANDBOX, exp=None, key=KEY, alg="HS256", header=None):
    head = b64(json.dumps(header or {"alg": alg, "typ": "JWT"}).encode())
    claims = {"sub": sub, "exp": int(time.time() + 3600 if exp is None else exp), "iat": 0}
    body = b64(json.dumps(claims).encode())
    signed = f"{head}.{body}"
    return f"{signed}.{b64(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def wait_until(condition, *, seconds=10.0, what="condition"):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        time.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except OSError:
        return False


def marked(mark: str) -> list[int]:
    """Living processes whose command line or environment holds `mark`."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            for part in ("cmdline", "environ"):
                with contextlib.suppress(OSError), open(f"/proc/{name}/{part}", "rb") as file:
                    if mark.encode() in file.read() and alive(int(name)) and int(name) != os.getpid():
                        found.append(int(name))
    return found


class RunningAgent:
    """A spawned agent. `call` sends an order and waits for its answer."""

    def __init__(self, directory: Path, *, wrap=(), sandbox_id=SANDBOX, **config):
        self.directory = directory
        self.id = sandbox_id
        for name in ("workspace", "home", "state"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        self.workspace, self.home = directory / "workspace", directory / "home"
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        self.control, theirs = socket.socketpair()
        fds = (theirs.fileno(), self.listener.fileno())
        self.config = {
            "sandbox_id": sandbox_id,
            "token_key": KEY.hex(),
            "isolation": "none",
            "workspace": str(self.workspace),
            "home": str(self.home),
            "state": str(directory / "state"),
            "allowed_hosts": [f"127.0.0.1:{self.port}", f"localhost:{self.port}"],
            "env": {"FROM_CREATE": "yes"},
            "template": "base",
            "network": "host",
            "limits": {"memory_mb": 512, "disk_mb": 1024, "vcpu": 1},
            "enforced": {"memory": "none", "cpu": "none", "disk": "soft"},
            "languages": None,
            **config,
        }
        self.started = time.perf_counter()
        self.log = (directory / "agent.log").open("wb")
        self.process = subprocess.Popen(
            [*wrap, sys.executable, "-m", "hopx_tui.agent", "--control-fd", str(fds[0]), "--listen-fd", str(fds[1])],
            pass_fds=fds,
            cwd=ROOT,
            env={**os.environ, "HOPX_API_KEY": "engine-secret-key"},
            stderr=self.log,
            start_new_session=True,
        )
        theirs.close()
        self._buffer = b""
        self.send(self.config)
        self.ready = self.line()
        self.ready_seconds = time.perf_counter() - self.started
        assert self.ready["op"] == "ready", self.ready

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}"

    @property
    def headers(self):
        return {"Authorization": f"Bearer {make_token(sub=self.id)}"}

    def send(self, message):
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def line(self, seconds=15.0):
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self.control], [], [], max(deadline - time.monotonic(), 0))
            assert ready, "no line from the agent"
            piece = self.control.recv(65536)
            assert piece, f"the agent hung up: {(self.directory / 'agent.log').read_text()}"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def call(self, op):
        self.send({"op": op})
        while True:
            answer = self.line()
            if answer["op"] != "event":
                assert answer == {"op": op, "ok": True}, answer
                return

    def client(self, **options):
        return httpx.Client(
            base_url=self.url, headers=options.pop("headers", self.headers), timeout=30, trust_env=False, **options
        )

    def log_text(self):
        self.log.flush()
        return (self.directory / "agent.log").read_text(errors="replace")

    def close(self):
        self.control.close()
        self.listener.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        finally:
            self.log.close()
