"""A Python that lives on between calls. Runs in the sandbox's Python, 3.8 or newer; arguments: the descriptor of a
unix socket, a scratch directory.

A request is four bytes (its length, big-endian) with three descriptors (stdout, stderr, rich output), then JSON:
{"id": int, "code": str, "set": {variables to keep}, "unset": [names], "env": {variables of this call only}}. The
answer, once the code has ended, is {"id": int, "exit_code": int, "count": int} after the same four bytes. The first
message goes the other way: {"ready": "ipython" | "python", "version": str}.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DESCRIPTORS = 3
WATCHED = ("matplotlib.pyplot", "plotly.basedatatypes", "IPython.core.display_functions")


def load(here: str, name: str) -> Any:
    """The file `name`.py beside this one, as a module that nobody finds by accident."""
    loader = SourceFileLoader(f"hopx_{name}", os.path.join(os.path.dirname(here), f"{name}.py"))
    module: Any = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


class Wire:
    """Requests with their descriptors, and answers."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        os.set_inheritable(descriptor, False)

    def receive(self) -> tuple[Any, list[int]]:
        """The next request. Raises EOFError once the agent is gone."""
        flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
        head, extra, _, _ = self._socket.recvmsg(4, socket.CMSG_SPACE(DESCRIPTORS * 4), flags)
        descriptors: list[int] = []
        for _level, _kind, data in extra:
            descriptors += memoryview(data[: len(data) - len(data) % 4]).cast("i").tolist()
        for each in descriptors:
            os.set_inheritable(each, False)
        if len(head) < 4:
            head += self._exactly(4 - len(head))
        return json.loads(self._exactly(int.from_bytes(head, "big"))), descriptors

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self._socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def send(self, message: Any) -> None:
        data = json.dumps(message).encode()
        self._socket.sendall(len(data).to_bytes(4, "big") + data)


class Interrupts:
    """SIGINT ends the user's code, never this program between two calls."""

    def __init__(self) -> None:
        self.wanted = False

    def __call__(self, _number: int, _frame: object) -> None:
        if self.wanted:
            self.wanted = False
            raise KeyboardInterrupt


class Outputs:
    """Puts a call's descriptors in the place of stdout and stderr, for programs that the code starts as well.
    Between calls what threads print goes nowhere."""

    def __init__(self) -> None:
        self._nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)

    def open(self, out: int, err: int) -> None:
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)

    def close(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):  # the user's own object, closed or none
                continue
        os.dup2(self._nowhere, 1)
        os.dup2(self._nowhere, 2)


class Variables:
    """The environment: what changed in the sandbox's stays, what one call asked for goes with it."""

    def __init__(self, request: Any) -> None:
        os.environ.update(request["set"])
        for name in request["unset"]:
            os.environ.pop(name, None)
        self._before = {name: os.environ.get(name) for name in request["env"]}
        os.environ.update(request["env"])

    def restore(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Kernel:
    """Obeys until the agent hangs up."""

    def __init__(self, wire: Wire, here: str, scratch: str) -> None:
        self._wire = wire
        self._display_host = load(here, "display")
        self._display = self._display_host.Display(self._display_host.Outlet(-1, 0, None))
        self._outputs = Outputs()
        self._interrupts = Interrupts()
        self._session = load(here, "sessions").make_session(self._display, scratch)
        self._watch()

    def _watch(self) -> None:
        import builtins

        module: Any = type(sys)("hopx_display", "Shows values in every form they have.")
        module.display = self._session.show
        builtins.display = module.display  # type: ignore[attr-defined]
        sys.modules["hopx_display"] = module
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """As capture.py: what plotting libraries show is shown here."""
        return self._display.watched_spec(name, path, target, self) if name in WATCHED else None

    def run(self) -> None:
        """Until the end."""
        own = os.getpid()
        self._outputs.close()
        self._wire.send({"ready": self._session.name, "version": self._session.version})
        while True:
            try:
                request, descriptors = self._wire.receive()
            except EOFError:
                return
            answer = self._answer(request, descriptors)
            if os.getpid() != own:
                # A fork of the user's whose code has run out: it must not answer calls in our place.
                os._exit(0)
            self._wire.send(answer)

    def _answer(self, request: Any, descriptors: list[int]) -> Any:
        variables = Variables(request)
        self._outputs.open(*descriptors[:2])
        rich = descriptors[2]
        self._display.outlet = self._display_host.Outlet(rich, os.getpid(), self._display_host.identity_of(rich))
        signal.signal(signal.SIGINT, self._interrupts)
        exit_code = 130
        try:
            self._interrupts.wanted = True
            exit_code = self._session.run(request["code"])
            self._display.figures(close=True)
            self._interrupts.wanted = False
        except KeyboardInterrupt:
            # It came when the code itself had ended already.
            self._interrupts.wanted = False
        self._outputs.close()
        self._display.outlet = self._display_host.Outlet(-1, 0, None)
        os.close(rich)
        variables.restore()
        return {"id": request["id"], "exit_code": exit_code, "count": self._session.count}


if __name__ == "hopx_guest":
    # Until a call says otherwise: an interrupt that comes too late must not end this program.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    wire, scratch = Wire(int(sys.argv[1])), sys.argv[2]
    sys.argv[:] = [""]
    Kernel(wire, __file__, scratch).run()
