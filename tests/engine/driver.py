"""Drives the real engine as a process for tests, and looks at what it leaves on the machine."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from hopx_tui.engine.cgroups import sweep
from hopx_tui.engine.processes import start_ticks

STUB = str(Path(__file__).with_name("stub_agent.py"))
MODULE = [sys.executable, "-m", "hopx_tui.engine"]
DEADLINE = 30.0
LEVEL_WORDS = {True: "run isolated", False: "WITHOUT isolation"}


def until(condition, what="it", seconds=DEADLINE):
    """Wait for a truthy answer and return it."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.01)


def isolation_works():
    """Whether this machine can make sandboxes at level bwrap (decided by the engine itself in CI logs)."""
    if shutil.which("bwrap") is None:
        return False
    trial = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def command(*arguments, timeout=60):
    """Run one engine command to its end."""
    return subprocess.run([*MODULE, *arguments], capture_output=True, text=True, timeout=timeout, check=False)


class Engine:
    """A running `engine run`."""

    def __init__(self, state, *arguments, agent=STUB):
        self.state = Path(state)
        chosen = ["--agent", agent] if agent else []
        self.process = subprocess.Popen(
            [*MODULE, "run", "--state-dir", str(state), *chosen, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._group = f"hopx-tui-{self.process.pid}-{start_ticks(self.process.pid)}"
        ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.process.kill()
            _, said = self.process.communicate()
            raise AssertionError(f"the engine did not start: {said.decode()}")
        self.facts = json.loads(line)
        self.url = self.facts["url"]
        self.key = self.facts["api_key"]
        self.api = httpx.Client(
            base_url=self.url, headers={"X-API-Key": self.key}, timeout=60, trust_env=False
        )

    def create(self, **body):
        answer = self.api.post("/v1/sandboxes", json={"template_name": "base", **body})
        assert answer.status_code == 201, answer.text
        return answer.json()

    def get(self, sandbox_id):
        return self.api.get(f"/v1/sandboxes/{sandbox_id}")

    def move(self, sandbox, action):
        return self.api.post(f"/v1/sandboxes/{sandbox['id']}/{action}")

    def status(self, sandbox):
        return self.get(sandbox["id"]).json().get("status")

    def kill(self, sandbox):
        return self.api.delete(f"/v1/sandboxes/{sandbox['id']}")

    def events(self):
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for line in (self.state / "events.jsonl").read_text().splitlines()]
        return []

    def close(self, number=signal.SIGTERM):
        self.api.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            _, said = self.process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, said = self.process.communicate()
        if self.process.returncode < 0:  # killed: no engine follows that would clean up
            sweep(Path(group) for group in self.groups())
        return said.decode()

    def groups(self):
        """Control groups that it made."""
        # not a glob: groups of other engines come and go while it looks
        places = [place for place, names, _ in os.walk("/sys/fs/cgroup") if self._group in names]
        return [os.path.join(place, self._group) for place in places]


def inside(sandbox, line, timeout=30):
    """Run a shell line through the stub agent; what it printed."""
    answer = httpx.get(sandbox["public_host"] + "/", params={"run": line}, timeout=timeout, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()["said"]


def facts(sandbox):
    """The stub's configuration and environment."""
    return httpx.get(sandbox["public_host"] + "/", timeout=30, trust_env=False).json()


def living(sandbox):
    """Pids on this machine that carry the sandbox's mark and are no zombies."""
    mark = f"HOPX_SANDBOX_ID={sandbox['id']}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                state = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[0]
                environment = Path(f"/proc/{name}/environ").read_bytes()
                if state not in (b"Z", b"X") and mark in environment.split(b"\0"):
                    found.append(int(name))
    return found


def ticks(sandbox):
    """CPU ticks of all processes of a sandbox together."""
    total = 0
    for pid in living(sandbox):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total


def parent(pid):
    """The parent of a process on this machine."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def tree(pid):
    """The processes right below one, and below those."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            if parent(int(name)) == pid:
                found += [int(name), *tree(int(name))]
    return found


def ask_agent(sandbox, method, path, **options):
    """A request to a sandbox's real agent, with its token."""
    headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
    return httpx.request(
        method, sandbox["public_host"] + path, headers=headers, timeout=60, trust_env=False, **options
    )


def shell(sandbox, command, **more):
    """Run a command through the real agent; its answer."""
    answer = ask_agent(sandbox, "POST", "/commands/run", json={"command": command, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def build(engine, name, steps, **more):
    """Start a template build; the answer to the request."""
    body = {"name": name, "from_image": "base", "cpu": 1, "memory": 512, "diskGB": 1, "steps": steps, **more}
    return engine.api.post("/v1/templates/build", json=body)


def built(engine, answer, seconds=60):
    """Wait for a build to end; its status."""
    assert answer.status_code == 201, answer.text
    path = f"/v1/templates/build/{answer.json()['build_id']}/status"

    def ended():
        status = engine.api.get(path).json()
        return status if status["status"] != "building" else None

    return until(ended, "the build", seconds)


def build_log(engine, answer):
    """Everything a build said."""
    return engine.api.get(f"/v1/templates/build/{answer.json()['build_id']}/logs").json()["logs"]
