"""The running engine: puts the parts together, serves, and ends cleanly."""

from __future__ import annotations

import asyncio
import compileall
import contextlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

import hopx_tui
from hopx_tui.engine import cgroups, isolation, owner, ports, processes
from hopx_tui.engine.builds import Builds
from hopx_tui.engine.cgroups import Controllers
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.gate import Gate
from hopx_tui.engine.layers import PythonLayer
from hopx_tui.engine.memory import MemoryWatch
from hopx_tui.engine.paths import StateDir, StateError, read_json, sweep_halves, write_json
from hopx_tui.engine.preparation import Preparation
from hopx_tui.engine.routes import Routes
from hopx_tui.engine.runtime import this_runtime
from hopx_tui.engine.sandboxes import Sandboxes, open_trash
from hopx_tui.engine.saved import SavedTemplates
from hopx_tui.engine.sessions import Sessions
from hopx_tui.engine.start_command import StartCommands
from hopx_tui.engine.template_routes import TemplateRoutes
from hopx_tui.engine.templates import ENVIRONMENT_ID, Catalogue
from hopx_tui.engine.tokens import TokenIssuer
from hopx_tui.engine.uploads import Uploads
from hopx_tui.engine.wire import EngineRunner
from hopx_tui.engine.workshop import Workshop

log = logging.getLogger(__name__)
BODY_LIMIT = 8 << 20
PORT_SECONDS = 1.0
OPEN_FILES = 65_536


@dataclass(frozen=True)
class Options:
    """What `engine run` was asked for."""

    state: StateDir
    port: int | None
    isolation: str  # auto | bwrap | none
    idle_seconds: float
    agent: str | None  # a file to run instead of the agent (tests)


class PortError(Exception):
    """The port asked for is in use; the text is a sentence."""


class Engine:
    """One engine process, from the lock it holds to the sandboxes it ends."""

    def __init__(self, options: Options, settings: owner.Settings, listener: socket.socket) -> None:
        self._options = options
        self._settings = settings
        self._listener = listener
        self._last_request = time.monotonic()
        self._end = asyncio.Event()
        self._runtime = this_runtime(options.agent)
        self._events = EventLog(options.state.events, time.time)
        self._tokens = TokenIssuer(bytes.fromhex(settings.signing_key), time.time)

    async def serve(self, announce: Callable[[owner.Running], None]) -> None:
        """Serve until told to end. Raises IsolationError, StateError, OSError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._end.set)
        state = self._options.state
        self._level, self._controllers = await asyncio.to_thread(self._look_around)
        enforced = self._enforced()
        trash = open_trash(state, self._events)
        builds = Builds(state.builds, time.time)
        saved = SavedTemplates(state.templates, trash.throw)
        uploads = Uploads(state.uploads, bytes.fromhex(self._settings.signing_key), time.time)
        preparation = Preparation(
            PythonLayer(state.layers), self._level.level, builds, self._events, template_id=ENVIRONMENT_ID
        )
        catalogue = Catalogue(self._level.level, self._runtime, saved, preparation)
        sessions = Sessions(self._level, self._runtime, self._controllers, enforced, catalogue, self._tokens)
        workshop = Workshop(
            state.workshop,
            level=self._level.level,
            builds=builds,
            saved=saved,
            catalogue=catalogue,
            preparation=preparation,
            uploads=uploads,
            sessions=sessions,
            trash=trash,
            events=self._events,
        )
        start_commands = StartCommands(lambda sandbox_id: self._tokens.issue(sandbox_id)["auth_token"], self._events)
        sandboxes = Sandboxes(
            state,
            open_session=sessions.of_sandbox,
            events=self._events,
            trash=trash,
            after_start=start_commands.run,
        )
        sweep_halves(state.root)
        sweep_halves(state.builds)
        builds.load()
        saved.load()
        workshop.sweep()
        uploads.sweep()
        await sandboxes.load()
        port = self._listener.getsockname()[1]
        gate = Gate(self._settings.api_key, port, self._heard)
        app = web.Application(middlewares=[gate.middleware()], client_max_size=BODY_LIMIT)
        Routes(sandboxes, catalogue, saved, self._tokens, self._level, enforced).add_to(app)
        TemplateRoutes(catalogue, saved, builds, workshop, uploads).add_to(app)
        runner = EngineRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        await web.SockSite(runner, self._listener).start()
        chores = [
            asyncio.create_task(sandboxes.watch_expiry()),
            asyncio.create_task(MemoryWatch(sandboxes.running, limited=self._controllers.memory is not None).run()),
            asyncio.create_task(self._watch_idleness(sandboxes, workshop)),
        ]
        running = owner.Running(
            pid=os.getpid(),
            start_ticks=processes.start_ticks(os.getpid()),
            url=f"http://127.0.0.1:{port}",
            api_key=self._settings.api_key,
            version=hopx_tui.__version__,
            isolation=self._level.level,
            reason=self._level.reason,
        )
        try:
            owner.write_running(state, running)
            self._events.record("engine_started", isolation=self._level.level, reason=self._level.reason)
            announce(running)
            ended = asyncio.create_task(self._end.wait())
            await asyncio.wait([ended, *chores], return_when=asyncio.FIRST_COMPLETED)
            for chore in chores:
                if chore.done():
                    chore.result()  # a chore never ends by itself: let its error be seen
        finally:
            for chore in chores:
                chore.cancel()
            state.port_file.unlink(missing_ok=True)
            await runner.cleanup()
            await workshop.close()
            await sandboxes.close()
            await asyncio.to_thread(cgroups.remove, self._controllers.folders)
            self._events.record("engine_ended")

    def _look_around(self) -> tuple[isolation.Isolation, Controllers]:
        """What this machine can do: every answer comes from trying. Blocks."""
        state = self._options.state
        left = self._sweep()
        # a sandbox sees the package read-only: without this an editable install compiles at every create
        compileall.compile_dir(os.path.join(self._runtime.package, "agent"), quiet=2)
        name = f"hopx-tui-{os.getpid()}-{processes.start_ticks(os.getpid()) or 0}"
        controllers = cgroups.detect(name)
        if folders := [*controllers.folders, *left]:
            try:
                write_json(state.cgroups, {"folders": [str(folder) for folder in folders]})
            except OSError as error:
                log.warning("%s cannot be written: %s", state.cgroups, error.strerror)
        scratch = (state.trash, Path("/dev/shm"), Path(tempfile.gettempdir()))
        level = isolation.decide(self._options.isolation, self._runtime, (str(state.root),), scratch)
        return level, controllers

    def _sweep(self) -> list[Path]:
        """What an engine before us left and could not be removed yet."""
        try:
            record = read_json(self._options.state.cgroups) or {}
        except StateError as error:
            log.warning("%s", error)
            return []
        folders = [Path(str(folder)) for folder in record.get("folders", [])]
        return cgroups.sweep([folder for folder in folders if folder.name.startswith("hopx-tui-")])

    def _enforced(self) -> dict[str, str]:
        limited = self._controllers.memory is not None
        return {
            # without a control group we look about each second (where there is a /proc to look into)
            "memory": "hard" if limited else "soft" if os.path.isdir("/proc/self") else "none",
            "cpu": "hard" if self._controllers.cpu is not None else "none",
            "processes": "hard" if self._controllers.pids is not None else "none",
            "disk": "soft",  # the agent measures and refuses writes over the quota
        }

    def _heard(self) -> None:
        self._last_request = time.monotonic()

    async def _watch_idleness(self, sandboxes: Sandboxes, workshop: Workshop) -> None:
        """End the engine when nobody asked anything for a while and nothing runs, is paused or starts."""
        limit = self._options.idle_seconds
        while True:
            counts = sandboxes.count()
            if counts["running"] + counts["paused"] + counts["creating"] or workshop.busy:
                self._heard()
            idle = time.monotonic() - self._last_request
            if idle >= limit:
                log.info("nobody asked anything for %.0f s and nothing runs: the engine ends", idle)
                self._end.set()
                return
            await asyncio.sleep(min(limit - idle + 0.01, 30.0))


def open_listener(asked: int | None, kept: int | None, *, patient: bool = False) -> socket.socket:
    """The engine's socket: exactly the port asked for, else the kept one if free. Raises PortError.

    `patient`: the engine before was killed; the kernel may still be closing its socket.
    """
    deadline = time.monotonic() + (PORT_SECONDS if patient else 0.0)
    while kept and asked in (None, kept):
        try:
            return ports.listen(kept)
        except OSError:
            if time.monotonic() >= deadline:
                break
        time.sleep(0.01)
    try:
        return ports.listen(asked) if asked else ports.listen_anywhere(kept)
    except OSError as error:
        raise PortError(f"Port {asked or ''} cannot be used: {error.strerror}.".replace("  ", " ")) from error


def run(options: Options, announce: Callable[[owner.Running], None]) -> None:
    """Own the state directory and serve. Raises StateError, PortError, IsolationError. The lock is held."""
    settings = owner.load_settings(options.state)
    # a port file that is left: the engine before did not end by itself
    listener = open_listener(options.port, settings.port, patient=options.state.port_file.exists())
    _allow_many_files()
    try:
        port = listener.getsockname()[1]
        if settings.port != port:
            settings = replace(settings, port=port)
            try:
                owner.save_settings(options.state, settings)
            except StateError as error:  # a full disk must not keep anyone from what runs and from making room
                log.warning("%s The port will be another one after the next start.", error)
        asyncio.run(_serve(options, settings, listener, announce))
    finally:
        with contextlib.suppress(OSError):
            listener.close()


def _allow_many_files() -> None:
    """A sandbox takes some ten descriptors of ours; common soft limits end at a hundred sandboxes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _serve(
    options: Options,
    settings: owner.Settings,
    listener: socket.socket,
    announce: Callable[[owner.Running], None],
) -> None:
    await Engine(options, settings, listener).serve(announce)


def print_announcement(running: owner.Running) -> None:
    """The one line of `engine run` on standard output."""
    sys.stdout.write(json.dumps({**running.public(), "started": True}) + "\n")
    sys.stdout.flush()
