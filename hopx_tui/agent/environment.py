"""The sandbox's variables: what the user set (`/env`), and what programs get."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterable, Mapping

import msgspec
from aiohttp.web_response import Response

from hopx_tui.agent.config import Config
from hopx_tui.agent.errors import invalid_request, missing_parameter
from hopx_tui.agent.http import Call, Route, answer, path_parameter, read_body, timestamp

PASSED_ON = ("PATH", "TZ", "LC_ALL", "LC_CTYPE", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MASK = "***MASKED***"


def utf8_locale(inherited: Mapping[str, str]) -> str:
    """A locale that exists: C.UTF-8 on Linux."""
    for name in ("LC_ALL", "LANG"):
        if inherited.get(name, "").upper().replace("-", "").endswith("UTF8"):
            return inherited[name]
    return "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"


def base_variables(config: Config, inherited: Mapping[str, str]) -> dict[str, str]:
    """What every program of the sandbox starts from. Only harmless names are taken from the agent's own
    environment: at level none that is the environment of the user's shell, keys included."""
    variables = {name: inherited[name] for name in PASSED_ON if inherited.get(name)}
    variables.setdefault("PATH", DEFAULT_PATH)
    if "UTF" not in variables.get("LC_ALL", "UTF").upper():
        del variables["LC_ALL"]
    try:
        user, shell = (entry := pwd.getpwuid(os.getuid())).pw_name, entry.pw_shell
    except KeyError:
        user, shell = str(os.getuid()), ""
    variables |= {
        "HOME": config.home,
        "USER": user,
        "LOGNAME": user,
        "LANG": utf8_locale(inherited),
        "HOPX_SANDBOX_ID": config.sandbox_id,
    }
    shell = inherited.get("SHELL") or shell
    if shell:
        variables["SHELL"] = shell
    return variables


def check_variables(variables: Mapping[str, str]) -> None:
    """Raises AgentError INVALID_REQUEST for what no process can be given."""
    for name, value in variables.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise invalid_request(f"Not a usable environment variable: {name!r}")
        try:
            name.encode()
            value.encode()
        except UnicodeEncodeError as error:
            raise invalid_request(f"Not a usable environment variable: {name!r}") from error


class _EnvBody(msgspec.Struct):
    env_vars: dict[str, str | int | float | bool] | None = None
    merge: bool | None = None


class Environment:
    """`variables` are the user's own; they outlive nothing but this agent."""

    def __init__(self, base: Mapping[str, str], variables: Mapping[str, str]) -> None:
        self._base = dict(base)
        self.variables = dict(variables)

    def of_child(self, *layers: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> dict[str, str]:
        """Base, then `defaults`, then the user's variables, then `layers`; the last one wins."""
        merged = {**self._base, **(defaults or {}), **self.variables}
        for layer in layers:
            merged.update(layer)
        return merged

    def routes(self) -> Iterable[Route]:
        """`/env`."""
        return (
            Route("GET", "/env", self._get),
            Route("PUT", "/env", self._put),
            Route("PATCH", "/env", self._patch),
            Route("DELETE", "/env", self._clear),
            Route("DELETE", "/env/{key}", self._delete),
        )

    def _answer(self) -> Response:
        # Real values: clients that delete by writing back what they read would store a mask.
        return answer(
            {"env_vars": self.variables, "count": len(self.variables), "timestamp": timestamp(), "success": True}
        )

    async def _get(self, _request: Call) -> Response:
        return self._answer()

    async def _sent(self, request: Call) -> tuple[dict[str, str], bool]:
        body = await read_body(request, _EnvBody)
        if body.env_vars is None:
            raise missing_parameter("env_vars")
        sent: dict[str, str] = {}
        for name, value in body.env_vars.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            sent[name] = self.variables.get(name, text) if text == MASK else text
        check_variables(sent)
        return sent, bool(body.merge)

    async def _put(self, request: Call) -> Response:
        sent, merge = await self._sent(request)
        self.variables = {**self.variables, **sent} if merge else sent
        return self._answer()

    async def _patch(self, request: Call) -> Response:
        sent, _ = await self._sent(request)
        self.variables = {**self.variables, **sent}
        return self._answer()

    async def _clear(self, _request: Call) -> Response:
        self.variables = {}
        return self._answer()

    async def _delete(self, request: Call) -> Response:
        self.variables.pop(path_parameter(request, "key"), None)
        return self._answer()
