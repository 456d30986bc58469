"""Getting the Python environment of `code-interpreter` ready: when it is built, how far that is, who waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from pathlib import Path

from hopx_tui.engine.builds import Build, Builds
from hopx_tui.engine.errors import conflict, invalid
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.layers import LayerError, PythonLayer
from hopx_tui.engine.outfit import PLAIN, Outfit

PATIENCE_SECONDS = 40.0  # clients give a create 60
AGAIN_SECONDS = 30.0  # a failed build is not tried again by every create
INSIDE = "/run/hopx-python"
EXPECTED_LINES = 40.0


class Preparation:
    """At most one build at a time; `template_id` is what its build is listed under."""

    def __init__(
        self, layer: PythonLayer, level: str, builds: Builds, events: EventLog, *, template_id: str
    ) -> None:
        self._layer = layer
        self._level = level
        self._builds = builds
        self._events = events
        self._template_id = template_id
        self._cancelled = threading.Event()
        self._build: Build | None = None
        self._work: asyncio.Task[None] | None = None
        self._failed_at = -AGAIN_SECONDS

    @property
    def ready(self) -> bool:
        """Whether sandboxes can be made at once."""
        return self._layer.own_modules or self._layer.path is not None

    @property
    def building(self) -> bool:
        return self._work is not None and not self._work.done()

    def reason(self) -> str | None:
        """Why it cannot be used now; None when it can, if need be after a build."""
        if self.ready:
            return None
        obstacle = self._layer.obstacle()
        if obstacle is not None:
            return f"Its Python environment cannot be built: {obstacle}."
        if self._failed_recently and self._build is not None:
            return f"Its Python environment could not be built: {self._build.error_message}"
        return None

    def progress(self) -> str | None:
        """What is being done right now; None while nothing is."""
        return (self._build.current_step or "beginning") if self.building and self._build is not None else None

    def note(self) -> str:
        """A sentence on how far it is; empty when it is ready."""
        if self.ready:
            return ""
        if self.building and self._build is not None:
            seconds = time.time() - self._build.started_at
            return f"It is being prepared ({seconds:.0f} s so far: {self._build.current_step or 'beginning'})."
        return "Its packages are installed at first use, which takes a minute or two."

    def begin(self) -> Build:
        """Build in the background; the running build when there is one. Nothing waits."""
        if self._build is not None and self.building:
            return self._build
        build = self._builds.begin(self._template_id, "code-interpreter")
        self._build = build
        if self.ready:
            self._builds.finish(build)
            return build
        self._cancelled.clear()
        self._work = asyncio.create_task(self._run(build))
        return build

    async def ensure(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when it is ready. Raises ControlError: 409 while it takes longer (it goes on), 400 when it failed."""
        if self.ready:
            return
        if not self._failed_recently or self.building:
            self.begin()
        if self._work is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._work), seconds)
        if self.ready:
            return
        if self.building:
            raise conflict(
                f"Template code-interpreter cannot be used yet. {self.note()} Try again in a moment: it goes on.",
                template="code-interpreter",
            )
        raise invalid(f"Template code-interpreter cannot be used here: {self.reason()}", template="code-interpreter")

    def outfit(self) -> Outfit:
        """What its sandboxes get; plain when it is not there."""
        path = self._layer.path
        if path is None:
            own = os.path.dirname(sys.executable)
            return Outfit(path=(own,)) if self._layer.own_modules else PLAIN
        if self._level == "bwrap":
            return Outfit(shown={INSIDE: str(path)}, path=(f"{INSIDE}/bin",))
        return Outfit(path=(str(path / "bin"),))

    async def close(self) -> None:
        """Cancel the build and wait until its processes are gone."""
        self._cancelled.set()
        if self._work is not None:
            await asyncio.wait([self._work])

    @property
    def _failed_recently(self) -> bool:
        return time.monotonic() - self._failed_at < AGAIN_SECONDS

    async def _run(self, build: Build) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Path] = loop.create_future()

        def report(line: str) -> None:
            loop.call_soon_threadsafe(self._heard, build, line)

        def work() -> None:
            try:
                path = self._layer.build(report, self._cancelled)
            except LayerError as error:
                loop.call_soon_threadsafe(done.set_exception, error)
            else:
                loop.call_soon_threadsafe(done.set_result, path)

        # a thread of its own: what it starts dies with it, and the loop's pool must not wait for it
        threading.Thread(target=work, name="layer", daemon=True).start()
        try:
            await done
        except LayerError as error:
            self._failed_at = time.monotonic()
            self._builds.finish(build, f"{error}")
            self._events.record("environment_failed", template="code-interpreter", reason=str(error))
        else:
            self._builds.finish(build)
            self._events.record("environment_built", template="code-interpreter")

    @staticmethod
    def _heard(build: Build, line: str) -> None:
        build.line(line)
        said = build.log.count("\n")
        build.advance(line[:120], round(100 * said / (said + EXPECTED_LINES)))
