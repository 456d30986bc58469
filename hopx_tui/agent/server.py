"""Puts the agent together and runs it: the one place that knows every part."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec

from hopx_tui.agent import prctl
from hopx_tui.agent.callbacks import Callbacks
from hopx_tui.agent.changes import Changes
from hopx_tui.agent.children import Children
from hopx_tui.agent.code import Code, Interpreters
from hopx_tui.agent.commands import Commands, Launcher
from hopx_tui.agent.config import Config, decode_config
from hopx_tui.agent.control import Control, Grant, read_config_line
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.disk import DiskWatch
from hopx_tui.agent.door import Door
from hopx_tui.agent.environment import Environment, base_variables
from hopx_tui.agent.execution import Executions
from hopx_tui.agent.files import Files
from hopx_tui.agent.gate import AgentServer, Gate
from hopx_tui.agent.http import Route
from hopx_tui.agent.ipython import IPython
from hopx_tui.agent.jobs import Jobs
from hopx_tui.agent.kernel import Kernel
from hopx_tui.agent.languages import available_languages
from hopx_tui.agent.metrics import Metrics
from hopx_tui.agent.own_trees import own_roots
from hopx_tui.agent.paths import PathMap
from hopx_tui.agent.pausing import Pausing
from hopx_tui.agent.ports import Ports
from hopx_tui.agent.previews import Ask, Previews, no_engine
from hopx_tui.agent.running_clock import RunningClock
from hopx_tui.agent.sampler import Sampler
from hopx_tui.agent.service import Service
from hopx_tui.agent.sockets_table import available as ports_available
from hopx_tui.agent.streams import Streams
from hopx_tui.agent.terminal import Terminals
from hopx_tui.agent.tokens import TokenVerifier
from hopx_tui.agent.treekill import below, kill_until_gone, signal_all
from hopx_tui.agent.upload import Upload
from hopx_tui.agent.watch import Watches
from hopx_tui.agent.writing import remove_leftovers

TERM_GRACE_SECONDS = 2.0
THREADS = 8
# What this agent answers beyond the contract.
EXTENSIONS = {
    "process_signal": True,
    "path_b64": True,
    "read_limit": True,
    "range_download": True,
    "terminal_size": True,
    "kernel_end": True,
    "terminal_sessions": True,
    "changes": True,
    "ports": ports_available(),
}


class AgentProcess:
    """One sandbox's agent on an event loop. `adopt`: this process is a subreaper and owns every child it
    has. `baseline`: where the engine keeps what the sandbox held at its creation. `ask` asks the engine."""

    def __init__(
        self,
        config: Config,
        listener: socket.socket,
        *,
        supervisor: int,
        adopt: bool,
        notify: Callable[..., None],
        baseline: int | None = None,
        ask: Ask = no_engine,
    ) -> None:
        self._started = time.monotonic()
        self.children = Children(adopt=adopt)
        own = {os.getpid(), supervisor} | ({1} if config.isolated else set())
        agent_pids = frozenset(own)
        self._paths = paths = PathMap(config, agent_pids=agent_pids)
        counters, pausing = Counters(), Pausing()
        self._environment = environment = Environment(base_variables(config, os.environ), config.env)
        self._disk = disk = DiskWatch(
            (os.path.realpath(paths.workspace), os.path.realpath(paths.home)),
            config.limits.disk_mb << 20,
            on_full=lambda used, limit: notify("disk_full", used=used, limit=limit),
        )
        self._sampler = sampler = Sampler(config, agent_pids=agent_pids, root=supervisor, clock=time.monotonic)
        jobs = Jobs()
        running = RunningClock()
        launcher = Launcher(Executions(self.children, counters, running), environment, paths)
        interpreters = Interpreters(launcher, scratch=config.state)
        commands = Commands(launcher, jobs, pausing)
        self._kernel = Kernel(self.children, counters, environment, paths, scratch=config.state, clock=running)
        service = Service(
            config,
            counters,
            port=listener.getsockname()[1],
            features=EXTENSIONS,
            languages=self._languages,
            endpoints=self._endpoints,
            uptime=self._uptime,
        )
        self._terminals = Terminals(self.children, environment, paths, counters, running)
        self._changes = Changes(paths, lambda: own_roots(paths, isolated=config.isolated), baseline)
        self._previews = previews = Previews(ask)
        own_network = config.isolated and config.network != "host"
        self._routes: tuple[Route, ...] = (
            *service.routes(),
            *Metrics(config, sampler, disk, counters, jobs, uptime=self._uptime).routes(),
            *environment.routes(),
            *Files(paths, disk).routes(),
            *Upload(paths, disk).routes(),
            *commands.routes(),
            *Code(interpreters, jobs, pausing, Callbacks()).routes(),
            *IPython(self._kernel, pausing).routes(),
            *Streams(interpreters, commands, self._kernel, counters).routes(),
            *jobs.routes(),
            *self._terminals.routes(),
            *Watches(paths, counters).routes(),
            *self._changes.routes(),
            *Ports(sampler.scan, previews, own_network=own_network).routes(),
        )
        verifier = TokenVerifier(bytes.fromhex(config.token_key), config.sandbox_id, clock=time.time)
        gate = Gate(self._routes, verifier=verifier, allowed_hosts=config.allowed_hosts, counters=counters)
        self._server = AgentServer(gate)
        self.door = Door(listener, self._server, gate, pausing, (running, previews))
        self._background: list[asyncio.Task[None]] = []

    def _uptime(self) -> float:
        return time.monotonic() - self._started

    def _search_path(self) -> str | None:
        return self._environment.of_child().get("PATH")

    def _languages(self) -> list[str]:
        return available_languages(self._search_path())

    def _endpoints(self) -> dict[str, str]:
        endpoints: dict[str, str] = {}
        for route in self._routes:
            name = route.path.strip("/").replace("/", "_").replace("{", "").replace("}", "") or "root"
            key = name if name not in endpoints else f"{name}_{route.method.lower()}"
            endpoints[key] = f"{route.method} {route.path}"
        return endpoints

    async def start(self) -> None:
        """Serve."""
        self.children.start()
        await self._changes.prepare()
        self._background = [
            asyncio.create_task(self._sampler.run()),
            asyncio.create_task(self._disk.run()),
            asyncio.create_task(self._tidy(time.time())),
        ]
        await self.door.open()

    async def _tidy(self, began: float) -> None:
        """Remove what uploads that this sandbox's last agent did not finish have left."""
        roots = (self._paths.workspace, self._paths.home)
        await asyncio.get_running_loop().run_in_executor(None, lambda: remove_leftovers(roots, before=began))

    async def stop(self) -> None:
        """End every program of the sandbox: TERM (HUP in terminals, whose shells ignore TERM), and KILL after two
        seconds."""
        loop = asyncio.get_running_loop()
        programs = await loop.run_in_executor(None, below, os.getpid())
        leaders = self._terminals.leaders
        signal_all((each for each in programs if each.session not in leaders), signal.SIGTERM)
        signal_all((each for each in programs if each.session in leaders), signal.SIGHUP)
        signal_all(programs, signal.SIGCONT)
        deadline = loop.time() + TERM_GRACE_SECONDS
        while programs and loop.time() < deadline:
            await asyncio.sleep(0.02)
            programs = await loop.run_in_executor(None, below, os.getpid())
        if programs:
            await loop.run_in_executor(None, lambda: kill_until_gone(lambda: below(os.getpid())))

    async def close(self) -> None:
        """Release what `start` took; for a process that lives on (tests)."""
        await self.door.shut()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._terminals.close()
        await self._previews.close_all()
        await self._server.shutdown(5.0)
        await self._kernel.close()
        self._changes.close()
        self.children.close()
        self._sampler.close()


async def _run(
    config: Config, early: bytes, connection: socket.socket, listener: socket.socket, baseline: int | None
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="agent"))
    terminated = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, terminated.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    agent: AgentProcess
    control: Control

    def notify(event: str, **fields: object) -> None:
        control.event(event, **fields)

    async def ask(name: str, **fields: object) -> tuple[Grant, int | None]:
        return await control.ask(name, **fields)

    supervisor = os.getppid()
    agent = AgentProcess(
        config, listener, supervisor=supervisor, adopt=True, notify=notify, baseline=baseline, ask=ask
    )
    orders = {"quiesce": agent.door.shut, "thaw": agent.door.open, "stop": agent.stop}
    control = Control(connection, early, orders, last="stop")
    await agent.start()
    gc.freeze()  # without a collection: it would take a tenth of the start, and find little
    gc.enable()
    prctl.trim_memory()
    obeying = asyncio.create_task(control.run({"op": "ready", "pid": os.getpid(), "supervisor": supervisor}))
    dying = asyncio.create_task(terminated.wait())
    await asyncio.wait((obeying, dying), return_when=asyncio.FIRST_COMPLETED)


def serve(control_fd: int, listen_fd: int) -> int:
    """The serving process from its configuration to its end; its exit status. Nothing of the sandbox runs on
    after it."""
    prctl.hide_memory()
    prctl.gather_orphans()
    prctl.set_name("hopx-agent")
    connection = socket.socket(fileno=control_fd)
    listener = socket.socket(fileno=listen_fd)
    for each in (connection, listener):
        os.set_inheritable(each.fileno(), False)
    try:
        line, early, descriptors = read_config_line(connection)
        config = decode_config(line)
    except (EOFError, OSError):
        return 1
    except msgspec.DecodeError as error:
        sys.stderr.write(f"the engine sent a configuration this agent does not understand: {error}\n")
        return 1
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_run(config, early, connection, listener, descriptors[0] if descriptors else None))
    # The loop is left as it is: waiting for its threads could keep a sandbox alive whose engine is gone.
    kill_until_gone(lambda: below(os.getpid()))
    return 0
