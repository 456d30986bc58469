"""Whatever is sent to the engine and to an agent, the answer is one that the official specifications allow.

Only isolated sandboxes are fed like this: what comes in is run and removed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.conftest import lacking
from tests.contract import overlay
from tests.contract.conftest import Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ANSWER_SECONDS = 20.0
SPECIFICATIONS = {name: overlay.specification(name) for name in ("public", "agent")}
OPERATIONS = [
    (name, method, path)
    for name, found in SPECIFICATIONS.items()
    for path, each in found["paths"].items()
    for method in overlay.METHODS
    if method in each
]
SOCKETS = ["/terminal", "/execute/stream", "/stream", "/stream/ipython", "/commands/stream", "/files/watch"]


def bounded(examples: int) -> settings:
    """So many examples, the same ones each time."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def can_be_wrong(described: dict[str, Any]) -> bool:
    """Whether an operation takes anything that could be other than described (any text is a segment of a path)."""
    return "requestBody" in described or any(one["in"] != "path" for one in described.get("parameters", ()))


class Plane:
    """One of the two APIs: where it is and what it wants to be shown."""

    def __init__(self, engine: Server, session: requests.Session) -> None:
        self._engine = engine
        self._session = session
        self._key = {"X-API-Key": engine.api_key}
        self.sandbox = self.create()

    def create(self) -> dict[str, Any]:
        """A sandbox, as the engine tells of it."""
        made = self._session.post(
            f"{self._engine.url}/v1/sandboxes", headers=self._key, json={"template_name": "base"}, timeout=60
        )
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    def kill(self, *, but: str = "") -> None:
        """Whatever was created."""
        rows = self._session.get(f"{self._engine.url}/v1/sandboxes", headers=self._key, timeout=60).json()["data"]
        for row in rows:
            if row["id"] != but:
                self._session.delete(f"{self._engine.url}/v1/sandboxes/{row['id']}", headers=self._key, timeout=60)

    def place(self, name: str) -> tuple[str, dict[str, str]]:
        """Base URL and credential of `public` or `agent`."""
        if name == "public":
            return self._engine.url, self._key
        return self.sandbox["public_host"], {"Authorization": f"Bearer {self.sandbox['auth_token']}"}

    def tracebacks(self) -> list[str]:
        """The frames of our own code that the engine and the agents wrote into their logs."""
        folder = self._engine.folder
        files = [folder / "log", *folder.glob("state/*.log"), *folder.glob("state/sandboxes/*/agent.log")]
        lines = [line for file in files if file.is_file() for line in file.read_text(errors="replace").splitlines()]
        return [line for line in lines if line.startswith(('  File "', "Traceback"))]


@pytest.fixture(scope="module")
def plane(engine: Server) -> Iterator[Plane]:
    with requests.Session() as session:
        session.trust_env = False
        health = session.get(f"{engine.url}/health", timeout=60).json()
        if health["isolation"] != "bwrap":
            lacking(f"needs isolated sandboxes: {health['isolation_reason']}")
        made = Plane(engine, session)
        yield made
        made.kill()


@pytest.mark.parametrize(("name", "method", "path"), OPERATIONS)
def test_any_request(plane: Plane, name: str, method: str, path: str) -> None:
    base, headers = plane.place(name)
    known = plane.create()["id"] if name == "public" and path.startswith("/v1/sandboxes/{id}") else None
    described = schemathesis.openapi.from_dict(SPECIFICATIONS[name])[path][method.upper()]
    modes = [GenerationMode.POSITIVE]
    if can_be_wrong(SPECIFICATIONS[name]["paths"][path][method]):
        modes.append(GenerationMode.NEGATIVE)
    with requests.Session() as session:
        session.trust_env = False
        for mode in modes:

            @seed(1)
            @bounded(4 if "/desktop/" in path else 12)
            @given(case=described.as_strategy(generation_mode=mode), real=st.booleans())
            def send(case: schemathesis.Case, real: bool) -> None:
                if known is not None and real:
                    case.path_parameters["id"] = known
                case.call_and_validate(
                    base_url=base, headers=headers, session=session, checks=CHECKS, timeout=ANSWER_SECONDS
                )

            send()
    if name == "public":
        plane.kill(but=plane.sandbox["id"])
    assert not plane.tracebacks()


@pytest.mark.parametrize("name", ["public", "agent"])
def test_nothing_is_done_without_a_credential(plane: Plane, name: str) -> None:
    base, _ = plane.place(name)
    checked = 0
    for owner, method, path in OPERATIONS:
        if owner == name and path not in ("/", "/health", "/ping"):
            answer = requests.request(method, base + path.replace("{", "").replace("}", ""), timeout=ANSWER_SECONDS)
            assert answer.status_code == 401, (method, path)
            checked += 1
    assert checked > 15


def test_every_route_of_the_agent_is_described(plane: Plane) -> None:
    base, headers = plane.place("agent")
    routes = set(requests.get(base, headers=headers, timeout=ANSWER_SECONDS).json()["endpoints"].values())
    described = {f"{method.upper()} {path}" for owner, method, path in OPERATIONS if owner == "agent"}
    assert {route for route in routes if not route.startswith("* /desktop/")} <= described


def frames() -> st.SearchStrategy[str | bytes]:
    """What a client may send first: orders with odd values, other JSON, and anything at all."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    likely = {name: st.sampled_from(values) for name, values in overlay.LIKELY.items() if name != "timeout"}
    fields = {name: likely[name] | anything for name in ("path", "code", "language", "command", "workdir")}
    order = st.fixed_dictionaries(
        {
            "type": st.sampled_from(["execute", "input", "resize", "odd"]) | anything,
            "action": st.sampled_from(["watch", "odd"]) | anything,
            "timeout": st.sampled_from([1, 0.5, -1, "x", None]),
        },
        optional=fields | dict.fromkeys(("args", "env", "data", "cols", "rows", "path_b64"), anything),
    )
    return st.one_of(order.map(json.dumps), anything.map(json.dumps), st.text(max_size=30), st.binary(max_size=30))


def until_complete(link: ClientConnection) -> None:
    """Read to the last frame, which comes whatever was asked."""
    with suppress(ConnectionClosed):
        while json.loads(link.recv(timeout=ANSWER_SECONDS))["type"] != "complete":
            pass


def leave(link: ClientConnection) -> None:
    """End the shell, whatever was typed into it before."""
    deadline = time.monotonic() + ANSWER_SECONDS
    with suppress(ConnectionClosed):
        while time.monotonic() < deadline:
            link.send(json.dumps({"type": "input", "data": "\u0003\nexit\n"}))
            with suppress(TimeoutError):
                while json.loads(link.recv(timeout=0.2))["type"] != "exit":
                    pass
                return
        raise AssertionError("the shell does not end")


@pytest.mark.parametrize("path", SOCKETS)
def test_any_first_frame(plane: Plane, path: str) -> None:
    base, headers = plane.place("agent")

    @seed(1)
    @bounded(12)
    @given(frame=frames())
    def send(frame: str | bytes) -> None:
        address = base.replace("http://", "ws://") + path
        with connect(address, additional_headers=headers, compression=None, proxy=None, close_timeout=5) as link:
            link.send(frame)
            if path == "/files/watch":
                return  # it need not answer, but must let go
            if path == "/terminal":
                leave(link)
            else:
                until_complete(link)

    send()
    deadline = time.monotonic() + ANSWER_SECONDS
    while requests.get(f"{base}/health", timeout=ANSWER_SECONDS).json()["active_streams"]:
        assert time.monotonic() < deadline, "a stream goes on without its client"
        time.sleep(0.05)
    assert not plane.tracebacks()


@pytest.fixture(autouse=True, scope="module")
def no_proxy() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        yield

