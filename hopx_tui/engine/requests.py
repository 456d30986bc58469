"""What clients may send: bodies and queries, checked once, with sentences for what is wrong."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from hopx_tui.engine.errors import invalid

LONGEST_TIMEOUT = 10 * 366 * 86_400  # seconds; keeps dates printable
VARIABLES_BYTES = 64 * 1024  # names, values, and two bytes for each pair
T = TypeVar("T")


class CreateBody(msgspec.Struct):
    """POST /v1/sandboxes. Unknown and deprecated keys are ignored, as the official service does."""

    template_name: str | None = None
    template_id: str | int | None = None
    region: str | None = None
    timeout_seconds: int | None = None
    internet_access: bool | None = None
    env_vars: dict[str, str] | None = None


class TimeoutBody(msgspec.Struct):
    """PUT /v1/sandboxes/{id}/timeout."""

    timeout_seconds: int


def decode(raw: bytes, kind: type[T]) -> T:
    """Parse and check a body. Raises ControlError 400."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise invalid(f"Invalid request body: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The request body is not JSON: {error}") from error
    except RecursionError as error:
        raise invalid("The request body is nested too deeply") from error


def timeout(seconds: int | None) -> int | None:
    """Seconds until expiry; 0 and null mean never. Raises ControlError 400."""
    if seconds is not None and not 0 <= seconds <= LONGEST_TIMEOUT:
        raise invalid(
            f"timeout_seconds must be between 0 (never) and {LONGEST_TIMEOUT}", timeout_seconds=seconds
        )
    return seconds or None


def variables(given: dict[str, str] | None) -> dict[str, str]:
    """Environment variables that a process can have. Raises ControlError 400."""
    for name, value in (given or {}).items():
        if not name or "=" in name or "\0" in name + value:
            raise invalid("env_vars: a name is not empty and holds no '=', and neither part holds NUL")
        if any("\ud800" <= letter <= "\udfff" for letter in name + value):
            raise invalid("env_vars: lone surrogates are not text")
    size = sum(len(name.encode()) + len(value.encode()) + 2 for name, value in (given or {}).items())
    if size > VARIABLES_BYTES:
        raise invalid(f"env_vars: {size} bytes in all, more than the {VARIABLES_BYTES} a sandbox can be given")
    return dict(given or {})


def limit(text: str | None) -> int:
    """1..100, default 100. Raises ControlError 400."""
    if text is None:
        return 100
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 100:
        raise invalid("limit must be a number from 1 to 100", limit=text[:100])
    return int(text)
