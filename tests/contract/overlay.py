"""The official specifications as the suite tests them: what they leave out or get wrong is laid over them here.

Official: `specs/openapi_public.json` (2025-10-21) and `specs/openapi_agent.json` (3.2.8), byte for byte. Over them:
the statuses that they omit, with the error body that clients read; the values that may be null; JSON where clients
read JSON; a few likely values among the random ones; and the engine's own routes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECS = Path(__file__).parent / "specs"
METHODS = ("get", "post", "put", "patch", "delete")
# 426: a websocket's path that is asked without an upgrade. No 5xx: clients repeat what was answered with one.
REFUSALS = (400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 426, 429)

_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
CONTROL_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id", "details"],
            "properties": {"code": _TEXT, "message": _TEXT, "request_id": _TEXT, "details": _OBJECT},
        }
    },
}
AGENT_ERROR = {
    "type": "object",
    "required": ["error", "message", "code", "request_id", "timestamp", "details"],
    "properties": {
        "error": _TEXT,
        "message": _TEXT,
        "code": {"type": "string", "pattern": "^[A-Z_]+$"},
        "request_id": _TEXT,
        "timestamp": _TEXT,
        "details": _OBJECT,
        "path": _TEXT,
    },
}

# Contract 1.3, 1.4, 2.5: what has no value is null.
NULLABLE = {
    "github_com_hopx_publicapi_pkg_models.Sandbox": ("timeout_seconds", "expires_at", "preview_url"),
    "internal_api.TemplateListItem": ("build_id",),
    "internal_api.Template": ("build_id", "icon", "docs_url"),
    "main.ProcessInfo": ("end_time", "exit_code"),
}

PATHS = [
    "/workspace", "/workspace/a.txt", "/workspace/../etc/shadow", "/", "/proc/self/mem", "/proc/kmsg", "/dev/zero",
    "/root", "a", "/workspace/" + "x" * 300, "/workspace/\0", "",
]  # fmt: skip
LIKELY: dict[str, list[Any]] = {
    "path": PATHS,
    "workdir": PATHS,
    "code": ["print(1)", "1/0", "import sys; sys.exit(3)", "'", "x = 1\nx"],
    "language": ["python", "bash", "javascript", "cobol"],
    "command": ["true", "bash", "/nonexistent", "echo a; exit 3", ""],
    "mode": ["0644", "0600", "999", "rwx"],
    "encoding": ["base64", "utf-8"],
    "timeout": [1, 0, -1, 10**9],
    "timeout_seconds": [600, 0, -1, 2**63],
    "template_name": ["base", "python"],
    "from_image": ["base", "python:3.12"],
    "cursor": ["x"],
    "status": ["running", "stopped"],
    "files_hash": ["0" * 64],
}


def operation(*, query: tuple[str, ...] = (), body: dict[str, Any] | None = None, path: str = "") -> dict[str, Any]:
    """One of the engine's own: it answers an object."""
    places = [(name, "query", False) for name in query] + ([(path, "path", True)] if path else [])
    described: dict[str, Any] = {
        "parameters": [{"name": name, "in": place, "required": need, "schema": _TEXT} for name, place, need in places],
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": _OBJECT}}}},
    }
    if body is not None:
        schema = {"type": "object", "properties": body}
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


_RUN = {"code": _TEXT, "timeout": {"type": "number"}, "env": {"type": "object", "additionalProperties": _TEXT}}
OWN: dict[str, dict[str, Any]] = {
    "public": {"/v1/engine": {"get": operation()}},
    "agent": {
        "/changes": {"get": operation(query=("path", "cursor", "limit", "diff"))},
        "/ports": {"get": operation()},
        "/ports/{port}/preview": {"post": operation(path="port"), "delete": operation(path="port")},
        "/terminal/sessions": {"get": operation()},
        "/terminal/sessions/{name}": {"delete": operation(path="name")},
        "/processes/{pid}/signal": {
            "post": operation(path="pid", body={"signal": _TEXT, "start_ticks": {"type": "integer"}})
        },
        "/processes/{id}/kill": {"post": operation(path="id")},
        "/execute/kill/{id}": {"post": operation(path="id")},
        "/execute/async": {
            "post": operation(
                body=_RUN
                | {
                    "callback_url": {"type": "string", "enum": ["http://127.0.0.1:9/", "file:///etc/passwd", ""]},
                    "callback_headers": {"type": "object", "additionalProperties": _TEXT},
                    "callback_signature_secret": _TEXT,
                }
            )
        },
        "/execute/ipython": {"post": operation(body=_RUN)},
        "/jupyter/sessions/{id}": {"delete": operation(path="id")},
        "/env/{key}": {"delete": operation(path="key")},
    },
}


def specification(name: str) -> dict[str, Any]:
    """`public` or `agent`, with everything laid over it."""
    found: dict[str, Any] = json.loads((SPECS / f"openapi_{name}.json").read_text())
    # Every call brings its credential; what happens without one is a test of its own.
    found["components"].pop("securitySchemes", None)
    for schema, fields in NULLABLE.items():
        for field in fields:
            if schema in found["components"]["schemas"]:
                found["components"]["schemas"][schema]["properties"][field]["nullable"] = True
    found["paths"] |= OWN[name]
    error = CONTROL_ERROR if name == "public" else AGENT_ERROR
    for path, each in found["paths"].items():
        for method in METHODS:
            if method in each:
                each[method].pop("security", None)
                _document(each[method], error, as_json=path.endswith("/logs"))
                _prefer_likely(each[method])
    for schema in found["components"]["schemas"].values():
        _likely_properties(schema)
    return found


def _document(described: dict[str, Any], error: dict[str, Any], *, as_json: bool) -> None:
    responses = {status: answer for status, answer in described["responses"].items() if not status.startswith("5")}
    refusal = {"description": "refused", "content": {"application/json": {"schema": error}}}
    described["responses"] = responses | {str(status): refusal for status in REFUSALS}
    if as_json:  # contract D29: all clients read JSON where the specification has an event stream
        responses = {"200": {"description": "", "content": {"application/json": {"schema": _OBJECT}}}}
        described["responses"] |= responses


def _prefer_likely(described: dict[str, Any]) -> None:
    for parameter in described.get("parameters", ()):
        parameter["schema"] = _with_likely(parameter["name"], parameter["schema"])
    for content in described.get("requestBody", {}).get("content", {}).values():
        _likely_properties(content["schema"])


def _likely_properties(schema: dict[str, Any]) -> None:
    for name, value in schema.get("properties", {}).items():
        schema["properties"][name] = _with_likely(name, value)


def _with_likely(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Half of the values are ones that a server must think about."""
    if name not in LIKELY or "anyOf" in schema or schema.get("type") not in ("string", "integer", "number"):
        return schema
    return {"anyOf": [{"enum": LIKELY[name]}, schema]}
