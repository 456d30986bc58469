"""The sandbox's one persistent Python: started by its first call, calls in turn, ended when it does not yield."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

from hopx_tui.agent.children import Children
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.environment import Environment
from hopx_tui.agent.execution import RICH_LIMIT, TIMED_OUT, Ending, P, Running, exits_within, first_of
from hopx_tui.agent.http import new_id, timestamp
from hopx_tui.agent.kernel_process import Host, KernelError, start_host
from hopx_tui.agent.paths import PathMap
from hopx_tui.agent.pipes import Capture

YIELD_SECONDS = 1.0
STOPPED = 130
NEXT = "the next call starts a new one"
DEFAULTS = {"MPLBACKEND": "Agg"}


class Kernel:
    """Calls run one after another. Output of threads that live on between two calls is dropped."""

    def __init__(
        self,
        children: Children,
        counters: Counters,
        environment: Environment,
        paths: PathMap,
        *,
        scratch: str,
        clock: Callable[[], float],
    ) -> None:
        self._children = children
        self._counters = counters
        self._environment = environment
        self._paths = paths
        self._scratch = scratch
        self._clock = clock
        self._host: Host | None = None
        self._turn = asyncio.Lock()
        self._starting = False
        self._calls = 0
        self._id = ""
        self._started_at = self._active_at = 0.0

    def call(
        self, code: str, env: dict[str, str], limit: float, pipe: Callable[[int], P]
    ) -> KernelCall[P]:
        """A call that begins when it is awaited (`ended`)."""
        return KernelCall(self, code, env, limit, pipe)

    def sessions(self) -> list[dict[str, Any]]:
        """Rows for `/jupyter/sessions`: the kernel, where there is one."""
        host = self._host
        if not self._starting and (host is None or not host.alive):
            return []
        state = "starting" if self._starting else "busy" if self._turn.locked() else "idle"
        row: dict[str, Any] = {
            "kernel_id": self._id,
            "execution_state": state,
            "name": "python3",
            "language": "python",
            "started_at": timestamp(self._started_at),
            "last_activity": timestamp(self._active_at),
        }
        if host is not None:
            row |= {
                "implementation": host.implementation,
                "implementation_version": host.version,
                "execution_count": host.count,
                "pid": host.child.pid,
            }
        return [row]

    async def perform(
        self, call: KernelCall[Any], descriptors: list[int], limit: float, stop: asyncio.Future[None]
    ) -> Ending:
        """Wait for the turn, run the code, and say how it ended. `limit` counts the wait as well, but not a start."""
        began = self._clock()
        turn = asyncio.ensure_future(self._turn.acquire())
        await first_of((turn, stop), limit, self._clock)
        waited = self._clock() - began
        if not turn.done():
            turn.cancel()
            note = f"timed out after {limit:g}s: another call kept the kernel busy; this code was not run"
            return Ending(TIMED_OUT, waited, not stop.done(), note)
        self._counters.active_executions += 1
        self._counters.executions += 1
        try:
            host = await self._living()
            call.pid = host.child.pid
            return await self._run(host, call, descriptors, limit, max(limit - waited, 0.1), stop)
        except KernelError as error:
            return Ending(1, self._clock() - began, False, str(error))
        finally:
            self._counters.active_executions -= 1
            self._active_at = time.time()
            self._turn.release()

    async def _run(
        self,
        host: Host,
        call: KernelCall[Any],
        descriptors: list[int],
        limit: float,
        left: float,
        stop: asyncio.Future[None],
    ) -> Ending:
        started = self._clock()
        self._calls += 1
        answer = asyncio.ensure_future(self._exchange(host, self._request(host, call), descriptors))
        events: tuple[asyncio.Future[Any], ...] = (answer, host.child.exited, stop)
        await first_of(events, left, self._clock)
        timed_out, note = False, ""
        if not answer.done() and host.alive:
            timed_out = not stop.done()
            host.interrupt()
            await first_of(events[:2], YIELD_SECONDS, self._clock)
            why = f"timed out after {limit:g}s: " if timed_out else ""
            if answer.done() and answer.exception() is None:
                note = f"{why}the code was interrupted; the kernel's state is kept"
            elif answer.done() or not host.alive:
                note = f"{why}the kernel ended when it was interrupted: its state is lost; {NEXT}"
            else:
                note = (
                    f"{why}the code did not stop when it was interrupted, so the kernel was ended: its state is lost; "
                    f"{NEXT}"
                )
        elif not answer.done():
            # It may have answered and ended at once.
            await asyncio.wait((answer,), timeout=0.05)
        return await self._ending(host, answer, self._clock() - started, timed_out, note)

    async def _ending(
        self, host: Host, answer: asyncio.Future[int], seconds: float, timed_out: bool, note: str
    ) -> Ending:
        failed = answer.done() and answer.exception() is not None
        if answer.done() and not failed:
            if note:
                return Ending(TIMED_OUT if timed_out else STOPPED, seconds, timed_out, note)
            return Ending(answer.result(), seconds, False)
        answer.cancel()
        # A kernel that hung up is usually about to end, and its exit code says more than ours.
        ended = await exits_within(host.child, 0.2 if failed else 0)
        await host.end()
        self._host = None
        if note:
            return Ending(TIMED_OUT if timed_out else STOPPED, seconds, timed_out, note)
        code = host.child.exited.result() if ended else 1
        how = f"with exit code {code}" if ended else "in disorder"
        # The code did not run to its end, whatever the process says.
        return Ending(
            code or 1,
            seconds,
            False,
            f"the kernel ended {how} while this code ran: its state is lost; {NEXT}",
        )

    async def _exchange(self, host: Host, request: dict[str, Any], descriptors: list[int]) -> int:
        """The exit code. Raises KernelError and OSError."""
        await host.send(request, descriptors)
        for each in descriptors:
            os.close(each)
        descriptors.clear()
        answer = await host.receive()
        if answer.id != request["id"]:
            raise KernelError("the kernel's answer belongs to another call")
        host.count = answer.count
        return answer.exit_code

    def _request(self, host: Host, call: KernelCall[Any]) -> dict[str, Any]:
        now = self._environment.of_child(defaults=DEFAULTS)
        changed = {name: value for name, value in now.items() if host.variables.get(name) != value}
        gone = [name for name in host.variables if name not in now]
        host.variables = now
        return {"id": self._calls, "code": call.code, "set": changed, "unset": gone, "env": call.env}

    async def _living(self) -> Host:
        """The kernel, started if need be. Raises KernelError."""
        if self._host is not None and self._host.alive:
            return self._host
        if self._host is not None:
            await self._host.end()
            self._host = None
        self._starting, self._id = True, new_id("kernel")
        self._started_at = self._active_at = time.time()
        try:
            variables = self._environment.of_child(defaults=DEFAULTS)
            self._host = await start_host(
                self._children, variables, workspace=self._paths.working_directory(None), scratch=self._scratch
            )
        finally:
            self._starting = False
        return self._host

    async def end(self, kernel_id: str) -> bool:
        """End this kernel at once, with whatever it runs; False where it is not there (any more)."""
        host = self._host
        if kernel_id != self._id or host is None or not host.alive:
            return False
        await host.end()
        return True

    async def close(self) -> None:
        """End it; for an agent that lives on (tests)."""
        if self._host is not None:
            await self._host.dismiss()
            self._host = None


class KernelCall(Running[P]):
    """One call of the kernel, with pipes of its own."""

    def __init__(
        self, kernel: Kernel, code: str, env: dict[str, str], limit: float, pipe: Callable[[int], P]
    ) -> None:
        pipes = [os.pipe() for _ in range(3)]
        super().__init__(0, pipe(pipes[0][0]), pipe(pipes[1][0]), Capture(pipes[2][0], RICH_LIMIT))
        self.code = code
        self.env = env
        self._kernel = kernel
        self._descriptors = [write for _, write in pipes]
        self._limit = limit
        self._stop: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ended(self) -> Ending:
        try:
            return await self._kernel.perform(self, self._descriptors, self._limit, self._stop)
        finally:
            for each in self._descriptors:
                os.close(each)
            self._descriptors.clear()
            self._over.set_result(None)

    async def kill(self) -> None:
        """Interrupt it; the kernel itself ends only if it does not yield."""
        if not self._stop.done():
            self._stop.set_result(None)
        await asyncio.wait((self._over,))
