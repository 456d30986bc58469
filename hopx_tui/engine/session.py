"""One run of a sandbox's processes, from start to end; what both isolation levels have in common."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hopx_tui.engine import processes
from hopx_tui.engine.baseline import Baseline
from hopx_tui.engine.cgroups import Group, Limits
from hopx_tui.engine.control import ChannelError, ControlChannel, Granted, refuse_all
from hopx_tui.engine.errors import StartError
from hopx_tui.engine.mounts import PlanError
from hopx_tui.engine.outfit import PLAIN, Outfit
from hopx_tui.engine.output import Output, without_paths
from hopx_tui.engine.previews import PreviewError, Previews

log = logging.getLogger(__name__)
READY_SECONDS = 20.0
QUIESCE_SECONDS = 3.0
THAW_SECONDS = 10.0
STOP_SECONDS = 4.0
DEATH_SECONDS = 5.0
FREEZE_ROUNDS = 50


@dataclass(frozen=True)
class Launch:
    """All that is needed to start one sandbox."""

    sandbox_id: str
    directory: Path  # the sandbox's own: workspace, root, etc, ...
    listener: socket.socket
    network: str  # own | host | none
    limits: Limits
    enforced: dict[str, str]
    environment: dict[str, str]  # the user's variables of create
    template: str
    token_key: bytes
    outfit: Outfit = PLAIN
    languages: list[str] | None = None
    program: str = "hopx_tui.agent"  # the module that serves inside
    extra: Mapping[str, Any] = field(default_factory=dict)  # more of the first line

    def config(self, *, isolation: str, workspace: str, home: str, state: str) -> dict[str, Any]:
        """The agent's first line."""
        port = self.listener.getsockname()[1]
        return {
            "sandbox_id": self.sandbox_id,
            "token_key": self.token_key.hex(),
            "isolation": isolation,
            "workspace": workspace,
            "home": home,
            "state": state,
            "allowed_hosts": [f"127.0.0.1:{port}", f"localhost:{port}"],
            "env": self.environment,
            "template": self.template,
            "network": self.network,
            "limits": {
                "memory_mb": self.limits.memory_mb,
                "disk_mb": self.limits.disk_mb,
                "vcpu": self.limits.vcpu,
            },
            "enforced": self.enforced,
            "languages": self.languages,
            **self.extra,
        }


@dataclass(frozen=True)
class Run:
    """What a session is about, and who hears of it. `on_end` is called once, whatever the reason."""

    launch: Launch
    group: Group
    on_end: Callable[[], None]
    on_event: Callable[[dict[str, Any]], None]


class Watch:
    """A child process of ours and others that must be dead with it, waited for without a thread."""

    def __init__(self, child: subprocess.Popen[bytes], others: list[int]) -> None:
        self.child = child
        self.ended = asyncio.Event()
        self._open = others  # pidfds; ours to close

    def begin(self, on_end: Callable[[], None]) -> None:
        """Call back once when all are dead and the child is reaped."""
        loop = asyncio.get_running_loop()
        if not hasattr(os, "pidfd_open"):
            task = loop.run_in_executor(None, self.child.wait)
            task.add_done_callback(lambda _done: self._finish(on_end))
            return
        if self.child.returncode is None:
            self._open.append(os.pidfd_open(self.child.pid))
        else:  # whoever looked after it while it set up has reaped it: its number may be another's by now
            self._end_others()
        if not self._open:
            loop.call_soon(self._finish, on_end)
        for handle in self._open:
            loop.add_reader(handle, self._one_ended, handle, on_end)

    def _one_ended(self, handle: int, on_end: Callable[[], None]) -> None:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
        self._open.remove(handle)
        self._end_others()
        if not self._open:
            self._end_group()
            self.child.wait()
            self._finish(on_end)

    def _end_group(self) -> None:
        """A bubblewrap that was killed while it set up leaves a child behind that waits for it for ever."""
        if self.child.returncode is None:  # not reaped yet: the group's number is still its own
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGKILL)

    def _end_others(self) -> None:
        for other in self._open:  # they live and die together
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(other, signal.SIGKILL)

    def _finish(self, on_end: Callable[[], None]) -> None:
        self.ended.set()
        on_end()


class Session(ABC):
    """The processes of one sandbox while they run."""

    def __init__(self, run: Run) -> None:
        self.launch = launch = run.launch
        self.group = run.group
        self._on_end = run.on_end
        self._on_event = run.on_event
        self.control = ControlChannel(run.on_event, self._agent_gone, self._answer)
        self._previews = Previews()
        self._baseline = Baseline(launch.directory)
        self.memory_kills = 0
        self._watch: Watch | None = None
        self._removal: asyncio.Future[None] | None = None
        self._guards: list[int] = []  # pidfds of the agent's own processes
        self.agent_pids: set[int] = set()  # of the agent's own processes, as this machine counts
        self._others: list[int] = []  # pidfds that belong to the run besides the child
        self._output = Output(launch.directory / "agent.log")
        self._frozen: set[processes.Process] = set()  # by signals, one by one

    @property
    @abstractmethod
    def isolation(self) -> str:
        """bwrap | none"""

    @property
    @abstractmethod
    def root(self) -> processes.Process | None:
        """The process all others of the run descend from."""

    @abstractmethod
    async def _spawn(self, control: socket.socket, log_file: int) -> subprocess.Popen[bytes]:
        """Start the processes, with the agent's end of the control line. Raises OSError, StartError."""

    @abstractmethod
    def _configuration(self) -> dict[str, Any]:
        """The agent's first line."""

    @abstractmethod
    def _agent_process(self, pid: int) -> processes.Process | None:
        """The agent by the pid it knows itself by; None when no process of this run has it."""

    @abstractmethod
    def freeze(self) -> None:
        """Stop every process; none runs a tick afterwards."""

    def thaw(self) -> None:
        """Let them go on."""
        # children first: a shell that wakes before its job would take the job for stopped
        for row in sorted(self._frozen, key=lambda each: each.pid, reverse=True):
            processes.send(row, signal.SIGCONT)
        self._frozen.clear()

    def _stop_all(self, look: Callable[[], list[processes.Process]]) -> None:
        """SIGSTOP whoever runs of those that `look` finds, until a look finds none: forks race with the first ones.
        Those that a person had stopped already are not ours to continue later."""
        for _ in range(FREEZE_ROUNDS):
            stopped = {
                row
                for row in look()
                if row.state not in processes.STOPPED_STATES and processes.send(row, signal.SIGSTOP)
            }
            self._frozen |= stopped
            if not stopped:
                break

    @abstractmethod
    def _kill(self) -> None:
        """Order the end of everything; `wait` tells when it has come."""

    @abstractmethod
    async def _settle(self) -> None:
        """Whatever must be true besides the agent's readiness before the sandbox is called running."""

    @abstractmethod
    def _after_end(self) -> None:
        """Free what the processes used. They are dead."""

    async def start(self) -> None:
        """Return when the agent serves. Raises StartError, with nothing left running."""
        ours, theirs = socket.socketpair()
        try:
            self.group.make(self.launch.limits)
            with theirs:
                writing = self._output.open()
                try:
                    child = await self._spawn(theirs, writing)
                finally:
                    os.close(writing)
            self._watch = Watch(child, self._others)
            self._watch.begin(self._ended)
            await self.control.open(ours)
            self._baseline.open()
            self.control.configure(self._configuration(), self._baseline.descriptor)
            ready = await self.control.answer("ready", READY_SECONDS)
            self._baseline.keep()
            self._guard_agent(ready.get("pid"))
            await self._settle()
        except (OSError, ChannelError, StartError, PlanError) as error:
            await self.end()
            if self._watch is None:
                ours.close()
                self.group.remove()
            log.warning("sandbox %s did not start: %s", self.launch.sandbox_id, error)
            said = self._output.last_line()
            self._output.close()
            reason = error.strerror if isinstance(error, OSError) else None
            reason = reason or without_paths(str(error))
            raise StartError(f"{reason}: {said}" if said else reason) from error
        finally:
            self._baseline.close()

    @property
    def alive(self) -> bool:
        """Whether the processes have not all ended."""
        return self._watch is not None and not self._watch.ended.is_set()

    async def quiesce(self) -> None:
        """Let the agent finish its calls and stop accepting; a silent agent is frozen as it is."""
        with contextlib.suppress(ChannelError):
            await self.control.request("quiesce", QUIESCE_SECONDS)
        self._previews.silence()

    async def accept(self) -> None:
        """Return when a thawed agent accepts again. Raises StartError."""
        self._previews.listen()
        try:
            await self.control.request("thaw", THAW_SECONDS)
        except ChannelError as error:
            raise StartError(str(error)) from error

    async def stop(self) -> None:
        """End the children gently (TERM, then KILL after 2 s), then everything."""
        with contextlib.suppress(ChannelError):
            await self.control.request("stop", STOP_SECONDS)
        await self.end()

    async def end(self) -> None:
        """Kill everything and wait until it is dead."""
        if self._watch is None:
            return
        if not self._watch.ended.is_set():
            self._kill()
            try:
                await asyncio.wait_for(self._watch.ended.wait(), DEATH_SECONDS)
            except TimeoutError:
                log.error("sandbox %s did not die; killing its parent", self.launch.sandbox_id)
                self._watch.child.kill()
                await self._watch.ended.wait()
        if self._removal is not None:  # the next run makes groups of the same names
            await asyncio.shield(self._removal)

    def _answer(self, ask: dict[str, Any]) -> Granted:
        """What the agent may ask of the engine: a listening socket of the host for a port inside, and its end."""
        port = ask.get("port")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
            return refuse_all(ask)
        if ask.get("ask") == "preview_close":
            self._previews.close(port)
            return {"ok": True}, -1
        if ask.get("ask") != "preview":
            return refuse_all(ask)
        try:
            listener = self._previews.open(port)
        except PreviewError as error:
            return {"ok": False, "error": str(error)}, -1
        return {"ok": True, "port": listener.getsockname()[1]}, listener.fileno()

    def _on_notice(self, event: str) -> None:
        """Tell what the engine itself saw; the agent's own events cannot bear this op."""
        self._on_event({"op": "notice", "event": event})

    def _guard_agent(self, pid: object) -> None:
        """Watch the agent's processes from outside: of a frozen family none can tell that another died."""
        if not hasattr(os, "pidfd_open") or not isinstance(pid, int) or self._watch is None:
            return
        row = self._agent_process(pid)
        while row is not None and row.pid not in (self._watch.child.pid, os.getpid(), 1):
            self.agent_pids.add(row.pid)
            with contextlib.suppress(OSError):
                handle = os.pidfd_open(row.pid)
                self._guards.append(handle)
                asyncio.get_running_loop().add_reader(handle, self._guarded_died)
            row = processes.read(row.parent)

    def _guarded_died(self) -> None:
        self._drop_guards()
        self._agent_gone()

    def _drop_guards(self) -> None:
        for handle in self._guards:
            asyncio.get_running_loop().remove_reader(handle)
            os.close(handle)
        self._guards.clear()

    def _agent_gone(self) -> None:
        if self.alive:
            self._kill()

    def _ended(self) -> None:
        self.control.close()
        self._previews.end()
        self._drop_guards()
        asyncio.get_running_loop().call_soon(self._output.close)  # after who wants the last words
        self.memory_kills = self.group.memory_kills()
        self._removal = asyncio.get_running_loop().run_in_executor(None, self.group.remove)
        self._after_end()
        self._on_end()


def spawn(
    command: list[str],
    descriptors: tuple[int, ...],
    log_file: int,
    folder: str = "/",
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the parent process of a run, from the engine's main thread: its death is tied to that thread's.

    It inherits the descriptors and nothing else; `environment` defaults to a bare PATH. Raises OSError.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log_file,
        stderr=log_file,
        pass_fds=descriptors,
        cwd=folder,
        env={"PATH": os.defpath} if environment is None else environment,
        start_new_session=True,
    )
