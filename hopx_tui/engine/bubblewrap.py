"""Isolation level `bwrap`: one run of a sandbox inside its own namespaces."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopx_tui.engine import ground, network, processes
from hopx_tui.engine.errors import StartError
from hopx_tui.engine.mounts import (
    ETC_NAMES,
    Host,
    Plan,
    bubblewrap_arguments,
    environment,
    etc_files,
    mount_points,
)
from hopx_tui.engine.outfit import PLAIN, Outfit
from hopx_tui.engine.runtime import Runtime, is_below
from hopx_tui.engine.session import Run, Session, spawn

FOLDERS = {
    "/workspace": "workspace",
    "/root": "root",
    "/etc": "etc",
    "/usr/local": "local",
    "/opt": "opt",
}
INFO_SECONDS = 10.0
UPLINK_TRIES = 5  # per run: what kills pasta again and again is not ours to outlast
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bubblewrap:
    """How this machine runs bubblewrap."""

    program: str
    runtime: Runtime
    hidden: tuple[str, ...]  # host paths never to show
    home: str

    def prepare(self, directory: Path, sandbox_id: str, nameserver: str | None, outfit: Outfit = PLAIN) -> None:
        """Make the sandbox's own directories and its files of /etc (those that exist are kept). Blocks."""
        for name in (*FOLDERS.values(), *outfit.folders.values()):
            with ground.folder(directory, name):
                pass
        try:
            resolv = Path("/etc/resolv.conf").read_text()
        except OSError:
            resolv = ""
        with ground.folder(directory, "etc") as etc:
            for name, text in etc_files(sandbox_id, nameserver, resolv).items():
                ground.write_own(etc, name, text, keep=name != "resolv.conf")

    def options(
        self, directory: Path, sandbox_id: str, outfit: Outfit, *, share: bool, info: int, block: int
    ) -> int:
        """A descriptor `bwrap --args` reads its options from: a command line would tell the host's paths to
        everyone inside. Every mount point in the sandbox's own folders is made or repaired. Blocks.
        Raises PlanError, OSError."""
        etc = directory / FOLDERS["/etc"]
        kept = frozenset(name for name in ETC_NAMES if ground.is_own(etc, name))
        extra = [os.path.join(prefix, "bin") for prefix in self.runtime.prefixes[1:2]]
        plan = Plan(
            sandbox_id=sandbox_id,
            folders={inside: str(directory / name) for inside, name in {**FOLDERS, **outfit.folders}.items()},
            read_only=self.runtime.visible,
            hidden=self.hidden,
            home=self.home,
            share_network=share,
            environment=environment(
                sandbox_id, [path for path in extra if not is_below(path, "/usr")], outfit.path
            ),
            tools=outfit.tools,
            shown=outfit.shown,
            kept_etc=kept,
        )
        host = Host()
        for real, below, is_folder in mount_points(plan, host):
            ground.make_point(Path(real), below, is_folder=is_folder)
        text = "\0".join(bubblewrap_arguments(plan, host, info=info, block=block)) + "\0"
        descriptor = os.memfd_create("bwrap-options")
        os.write(descriptor, text.encode(errors="surrogateescape"))
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


class BubblewrapSession(Session):
    """bwrap, its pid 1 and, with a network of its own, pasta."""

    def __init__(self, run: Run, bubblewrap: Bubblewrap) -> None:
        super().__init__(run)
        self._bubblewrap = bubblewrap
        self._init: processes.Process | None = None
        self._namespace: str | None = None
        self._init_handle = -1
        self._uplink: subprocess.Popen[bytes] | None = None
        self._uplink_handle = -1
        self._uplink_losses = 0
        self._repair: asyncio.Task[None] | None = None

    @property
    def isolation(self) -> str:
        return "bwrap"

    @property
    def root(self) -> processes.Process | None:
        return self._init

    def _configuration(self) -> dict[str, Any]:
        return self.launch.config(
            isolation="bwrap", workspace="/workspace", home="/root", state="/run/hopx-agent"
        )

    async def _spawn(self, control: socket.socket, log_file: int) -> subprocess.Popen[bytes]:
        launch = self.launch
        nameserver = network.NAMESERVER if launch.network == "own" else None
        await asyncio.to_thread(
            self._bubblewrap.prepare, launch.directory, launch.sandbox_id, nameserver, launch.outfit
        )
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        options = -1
        try:
            options = await asyncio.to_thread(
                self._bubblewrap.options,
                launch.directory,
                launch.sandbox_id,
                launch.outfit,
                share=launch.network == "host",
                info=info_write,
                block=block_read,
            )
            agent = self._bubblewrap.runtime.command(
                "--control-fd", str(control.fileno()),
                "--listen-fd", str(launch.listener.fileno()),
                program=launch.program,
            )
            child = spawn(
                [self._bubblewrap.program, "--args", str(options), "--", *agent],
                (options, info_write, block_read, control.fileno(), launch.listener.fileno()),
                log_file,
            )
            os.close(info_write)
            info_write = -1
            try:
                await self._adopt(child, await read_info(info_read))
                os.write(block_write, b"x")
            except BaseException:
                self._kill()  # pid 1 does not die with its parent before it is set up
                child.kill()
                child.wait()
                self._after_end()
                for handle in self._others:
                    os.close(handle)
                self._others.clear()
                raise
        finally:
            for descriptor in (options, info_read, info_write, block_read, block_write):
                if descriptor >= 0:
                    os.close(descriptor)
        return child

    async def _adopt(self, child: subprocess.Popen[bytes], info: dict[str, Any]) -> None:
        """Pin pid 1 while it is blocked, put it into its groups, give it a network."""
        init = processes.read(int(info["child-pid"]))
        if init is None or init.parent != child.pid:
            raise StartError("bubblewrap ended while it set the sandbox up")
        self._init = init
        self._namespace = processes.namespace_of(init.pid)
        self._init_handle = os.pidfd_open(init.pid)
        self._others.append(os.dup(self._init_handle))
        joined = asyncio.ensure_future(asyncio.to_thread(self.group.add, init.pid))  # the kernel takes its time
        try:
            if self.launch.network == "own":
                # bubblewrap brings the loopback up at this moment, and stumbles over pasta doing the same
                await network.wait_loopback(init.pid, child)
                self._uplink = network.attach(init.pid)
        finally:
            await joined  # before it may have children

    async def _settle(self) -> None:
        if self._uplink is not None and self._init is not None:
            await network.wait_up(self._uplink, self._init.pid)
            self._watch_uplink()

    def _watch_uplink(self) -> None:
        if self._uplink is not None and hasattr(os, "pidfd_open"):
            self._uplink_handle = os.pidfd_open(self._uplink.pid)
            asyncio.get_running_loop().add_reader(self._uplink_handle, self._uplink_ended)

    def _uplink_ended(self) -> None:
        """pasta is gone and with it the sandbox's way out: reap it, say so, and bring another one up."""
        self._drop_uplink()
        if self._init is None or not self.alive:
            return
        self._on_notice("network_lost")
        self._uplink_losses += 1
        if self._uplink_losses <= UPLINK_TRIES:
            self._repair = asyncio.get_running_loop().create_task(self._restore_uplink(self._init))

    async def _restore_uplink(self, init: processes.Process) -> None:
        while True:
            try:
                self._uplink = network.attach(init.pid)  # from this thread: pasta dies with it
                await network.wait_up(self._uplink, init.pid)
            except (OSError, StartError) as error:  # it may have been killed on its way up: that is one loss more
                log.warning("sandbox %s has no network: %s", self.launch.sandbox_id, error)
                self._drop_uplink()
                self._uplink_losses += 1
                if self._uplink_losses > UPLINK_TRIES:
                    return
                continue
            self._watch_uplink()
            self._on_notice("network_restored")
            return

    def _agent_process(self, pid: int) -> processes.Process | None:
        if self._init is None:
            return None
        # it lies right below pid 1, or one deeper: looking at every process of this machine costs 10 ms and more
        near = processes.children(self._init.pid) or []
        near += [child for each in near for child in processes.children(each) or []]
        found = next((each for each in near if processes.innermost_pid(each) == pid), None)
        if found is not None:
            return processes.read(found)
        rows = processes.descendants(self._init.pid)
        return next((row for row in rows if processes.innermost_pid(row.pid) == pid), None)

    def freeze(self) -> None:
        if self.group.can_freeze:
            self.group.freeze(True)
            return
        namespace, init = self._namespace, self._init
        if namespace is None or init is None:
            return
        self._stop_all(lambda: [row for row in processes.namespace_members(namespace) if row.pid != init.pid])

    def thaw(self) -> None:
        if self.group.can_freeze:
            self.group.freeze(False)
        super().thaw()

    def _kill(self) -> None:
        if self._init_handle >= 0:
            try:
                signal.pidfd_send_signal(self._init_handle, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _after_end(self) -> None:
        if self._repair is not None:
            self._repair.cancel()
        self._drop_uplink()
        if self._init_handle >= 0:
            os.close(self._init_handle)
            self._init_handle = -1

    def _drop_uplink(self) -> None:
        if self._uplink_handle >= 0:
            asyncio.get_running_loop().remove_reader(self._uplink_handle)
            os.close(self._uplink_handle)
            self._uplink_handle = -1
        if self._uplink is not None:
            self._uplink.kill()
            self._uplink.wait()
            self._uplink = None


async def read_info(descriptor: int) -> dict[str, Any]:
    """What bubblewrap tells about the namespaces it made. Raises StartError when it ended instead."""
    loop = asyncio.get_running_loop()
    os.set_blocking(descriptor, False)
    collected = b""
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        async with asyncio.timeout(INFO_SECONDS):
            while True:
                await readable.wait()
                readable.clear()
                try:
                    chunk = os.read(descriptor, 4096)
                except BlockingIOError:
                    continue
                if not chunk:
                    raise StartError("bubblewrap could not set the sandbox up")
                collected += chunk
                if collected.rstrip().endswith(b"}"):
                    break
    except TimeoutError as error:
        raise StartError("bubblewrap did not answer") from error
    finally:
        loop.remove_reader(descriptor)
    parsed: dict[str, Any] = json.loads(collected)
    return parsed
