"""Builds templates: a sandbox each, whose folders become the template when all steps have succeeded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hopx_tui.engine import recipes, requests
from hopx_tui.engine.builds import Build, Builds
from hopx_tui.engine.cgroups import Limits
from hopx_tui.engine.errors import ControlError, StartError, conflict, invalid
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.preparation import Preparation
from hopx_tui.engine.recipes import BuildBody
from hopx_tui.engine.sandbox import open_port
from hopx_tui.engine.saved import Saved, SavedTemplates, copy_tree
from hopx_tui.engine.session import Session
from hopx_tui.engine.sessions import Sessions
from hopx_tui.engine.templates import Catalogue, Template, built_in
from hopx_tui.engine.trash import Trash
from hopx_tui.engine.uploads import Uploads

log = logging.getLogger(__name__)
BUILDS_AT_ONCE = 2
BUILD_SECONDS = 3600.0
LOOK_SECONDS = 2.0
FREE_BYTES = 1 << 30
FREE_SHARE = 0.05
UPLOADS_INSIDE = "/run/hopx-build"
DEFAULT_WORKDIR = "/workspace"


class BuildError(Exception):
    """A build failed; the text is for a person."""


@dataclass(frozen=True)
class Result:
    """What the builder inside says at the end."""

    environment: dict[str, str]
    workdir: str


class Run:
    """One run of the builder as heard from outside; nothing it says is taken on trust."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self.result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()

    def ended(self) -> None:
        """The processes are dead."""
        self._fail("The sandbox of the build ended; perhaps it had too little memory")

    def heard(self, message: Mapping[str, Any]) -> None:
        """One event of the builder."""
        name, build = message.get("event"), self._build
        if name == "output" and isinstance(text := message.get("data"), str):
            build.say(text)
        elif name == "step" and isinstance(text := message.get("text"), str):
            number, total = message.get("number"), message.get("total")
            if isinstance(number, int) and isinstance(total, int) and 0 < number <= total:
                build.line(f"[{number}/{total}] {text[:300]}")
                build.advance(text[:200], 5 + 85 * (number - 1) // total)
        elif name == "build_failed":
            self._fail(str(message.get("message"))[:2000])
        elif name == "built":
            self._built(message)

    def _built(self, message: Mapping[str, Any]) -> None:
        try:
            given = msgspec.convert(message.get("environment"), dict[str, str])
            workdir = msgspec.convert(message.get("workdir"), str)
            environment = requests.variables(given)
        except (msgspec.ValidationError, ControlError) as error:
            self._fail(f"The variables of the template cannot be kept: {error}")
            return
        if not self.result.done():
            self.result.set_result(Result(environment, workdir[:4096]))

    def _fail(self, text: str) -> None:
        if not self.result.done():
            self.result.set_exception(BuildError(text))
            self.result.exception()  # the one who waits may be gone already


class Workshop:
    """All builds of this engine that run."""

    def __init__(
        self,
        folder: Path,
        *,
        level: str,
        builds: Builds,
        saved: SavedTemplates,
        catalogue: Catalogue,
        preparation: Preparation,
        uploads: Uploads,
        sessions: Sessions,
        trash: Trash,
        events: EventLog,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._level = level
        self._builds = builds
        self._saved = saved
        self._catalogue = catalogue
        self._preparation = preparation
        self._uploads = uploads
        self._sessions = sessions
        self._trash = trash
        self._events = events
        self._clock = clock
        self._turns = asyncio.Semaphore(BUILDS_AT_ONCE)
        self._running: dict[str, tuple[Build, asyncio.Task[None]]] = {}

    def sweep(self) -> None:
        """Throw away what builds of an earlier engine have left."""
        if self._folder.is_dir():
            for left in self._folder.iterdir():
                self._trash.throw(left)

    @property
    def busy(self) -> bool:
        """Whether anything is being built."""
        return bool(self._running) or self._preparation.building

    def begin(self, body: BuildBody) -> Build:
        """Check everything that can be checked and start. Raises ControlError."""
        recipes.check_build(body, isolated=self._level == "bwrap")
        own = built_in(body.name)
        if own is not None:
            if own.environment and not body.steps:
                return self._prepare()
            code, words = (403, "changed") if body.update else (409, "used for another template")
            kind = "FORBIDDEN" if code == 403 else "CONFLICT"
            raise ControlError(code, kind, f"Template {own.name} is built in and its name cannot be {words}")
        before = self._saved.find(body.name)
        if before is not None and not body.update:
            raise conflict(f"Template {body.name} already exists (update: true replaces it)", template=body.name)
        if any(build.name == body.name for build, _ in self._running.values()):
            raise conflict(f"Template {body.name} is being built already", template=body.name)
        base = self._base(body.from_image)
        for step in body.steps or []:
            if step.files_hash is not None and step.type == "COPY" and not self._uploads.has(step.files_hash):
                raise invalid(f"The files of COPY {step.args[0][:100]} were not uploaded", files_hash=step.files_hash)
        self._check_disk()
        build = self._builds.begin(before.id if before is not None else self._saved.new_id(), body.name)
        task = asyncio.create_task(self._work(build, body, base))
        self._running[build.id] = (build, task)
        task.add_done_callback(lambda _done: self._running.pop(build.id, None))
        return build

    def _prepare(self) -> Build:
        obstacle = self._preparation.reason()
        if obstacle is not None and not self._preparation.building:
            raise invalid(f"Template code-interpreter cannot be built here: {obstacle}")
        return self._preparation.begin()

    async def cancel(self, key: str) -> bool:
        """End the build of a template (by its id or name). False when none runs."""
        found = [task for build, task in self._running.values() if key in (build.template_id, build.name)]
        for task in found:
            task.cancel()
        if found:
            await asyncio.wait(found)
        return bool(found)

    async def close(self) -> None:
        """End all builds."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._preparation.close()

    def _base(self, image: str) -> Template:
        found = self._catalogue.find(image)
        usable = ", ".join(self._catalogue.usable())
        if found is None:
            raise invalid(
                f"{image[:200]!r} would have to come from an image registry, and the local engine has none. "
                f"from_image can name a template of this machine: {usable}",
                from_image=image[:200],
            )
        reason = self._catalogue.unavailable_reason(found)
        if reason is not None:
            raise invalid(f"Template {found.name} cannot be used here: {reason} Usable are: {usable}")
        return found

    def _check_disk(self) -> None:
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < min(FREE_BYTES, int(disk.f_blocks * disk.f_frsize * FREE_SHARE)):
            raise ControlError(403, "RESOURCE_LIMIT", "Disk limit reached: too little space is left for a build")

    async def _work(self, build: Build, body: BuildBody, base: Template) -> None:
        directory = self._folder / build.id
        try:
            async with self._turns, asyncio.timeout(BUILD_SECONDS):
                build.line(f"Building {body.name} from {base.name}.")
                if base.base == "code-interpreter":
                    build.advance("waiting for the Python environment", 1)
                    await self._preparation.ensure(BUILD_SECONDS)
                await asyncio.to_thread(self._lay_out, directory, body, base)
                result = await self._run(build, body, base, directory)
                build.advance("saving", 95)
                await asyncio.to_thread(self._keep, build, body, base, directory, result)
        except (BuildError, StartError, ControlError) as error:
            self._failed(build, str(error))
        except TimeoutError:
            self._failed(build, f"It took longer than {BUILD_SECONDS / 60:.0f} minutes")
        except OSError as error:
            self._failed(build, error.strerror or str(error))
        except asyncio.CancelledError:
            self._failed(build, "It was cancelled")
            raise
        else:
            self._builds.finish(build)
            self._events.record("template_built", template=body.name, template_id=build.template_id)
        finally:
            if not build.complete:  # what nobody thought of: it is logged with its task
                self._failed(build, "The engine itself failed at it")
            with contextlib.suppress(OSError):
                self._trash.throw(directory)

    def _failed(self, build: Build, reason: str) -> None:
        self._builds.finish(build, reason)
        self._events.record("template_failed", template=build.name, reason=reason[:500])

    def _lay_out(self, directory: Path, body: BuildBody, base: Template) -> None:
        directory.mkdir(mode=0o700)
        if base.saved is not None:
            copy_tree(self._saved.files(base.saved), directory)
        uploads = directory / "uploads"
        uploads.mkdir(mode=0o700)
        for files_hash in {step.files_hash for step in body.steps or [] if step.files_hash and step.type == "COPY"}:
            shutil.copyfile(self._uploads.path(files_hash), uploads / f"{files_hash}.tar.gz")

    async def _run(self, build: Build, body: BuildBody, base: Template, directory: Path) -> Result:
        isolated = self._level == "bwrap"
        limits = Limits(body.cpu, body.memory, body.disk_gb * 1024)
        folders = self._folders(body, base)
        bound = {**folders, UPLOADS_INSIDE: "uploads"} if isolated else folders
        work = {
            "uploads": UPLOADS_INSIDE if isolated else str(directory / "uploads"),
            "steps": recipes.steps_of(body),
            "start_command": recipes.start_command(body),
            "ready": msgspec.to_builtins(body.ready_cmd) if body.ready_cmd is not None else None,
            "environment": base.saved.environment if base.saved is not None else {},
            "workdir": base.saved.workdir if base.saved is not None else DEFAULT_WORKDIR,
        }
        run = Run(build)
        with open_port(None) as listener:
            session = self._sessions.of_build(
                build.id,
                directory,
                listener,
                limits,
                self._catalogue.outfit(base.base, bound),
                work,
                run.ended,
                run.heard,
            )
            try:
                await session.start()
                result = await self._wait(run, session, directory, limits)
                await session.stop()
                return result
            finally:
                await asyncio.shield(session.end())

    async def _wait(self, run: Run, session: Session, directory: Path, limits: Limits) -> Result:
        """The result, unless the build fills the disk."""
        while True:
            done, _ = await asyncio.wait([run.result], timeout=LOOK_SECONDS)
            used = await asyncio.to_thread(folder_bytes, directory)
            if used > limits.disk_mb << 20:
                raise BuildError(f"It used more than the {limits.disk_mb} MiB of disk it was given")
            if done:
                if session.memory_kills:
                    log.info("build in %s lost processes to its memory limit", directory.name)
                return run.result.result()
            self._check_disk()

    @staticmethod
    def _folders(body: BuildBody, base: Template) -> dict[str, str]:
        return {**(base.saved.folders if base.saved is not None else {}), **recipes.own_folders(body)}

    def _keep(self, build: Build, body: BuildBody, base: Template, directory: Path, result: Result) -> None:
        before = self._saved.find(body.name)
        now = self._clock()
        start = recipes.start_command(body)
        saved = Saved(
            id=build.template_id,
            name=body.name,
            base=base.base,
            level=self._level,
            build_id=build.id,
            created_at=before.created_at if before is not None else now,
            updated_at=now,
            vcpu=body.cpu,
            memory_mb=body.memory,
            disk_gb=body.disk_gb,
            environment=result.environment,
            workdir=result.workdir,
            start_command=start or (base.saved.start_command if base.saved is not None else None),
            folders=self._folders(body, base),
        )
        self._saved.keep(saved, directory)


def folder_bytes(root: Path) -> int:
    """Bytes of disk below a folder, following no link. For a thread."""
    total, waiting = 0, [str(root)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        total += status.st_blocks * 512 // max(1, status.st_nlink if not entry.is_dir() else 1)
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
        except OSError:
            continue
    return total
