"""What goes wrong on the API: one exception family and the envelope every error is answered in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ControlError(Exception):
    """An answer other than success: `{"error": {"code", "message", "request_id", "details"}}`."""

    def __init__(
        self, status: int, code: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    def envelope(self, request_id: str) -> dict[str, Any]:
        """The body; `details` is always an object, because official clients crash on null."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "request_id": request_id,
                "details": self.details,
            }
        }


def invalid(message: str, **details: Any) -> ControlError:
    """400: the request itself is wrong."""
    return ControlError(400, "VALIDATION_ERROR", message, details)


def sandbox_not_found(sandbox_id: str) -> ControlError:
    """404 in the words official clients look for."""
    return ControlError(404, "NOT_FOUND", f"Sandbox {sandbox_id} not found", {"sandbox_id": sandbox_id})


def template_not_found(name: str) -> ControlError:
    """404 for a template, by name or id."""
    return ControlError(404, "TEMPLATE_NOT_FOUND", f"Template {name} not found", {"template": name})


def conflict(message: str, **details: Any) -> ControlError:
    """409: the sandbox is in a state that does not allow it."""
    return ControlError(409, "CONFLICT", message, details)


class StartError(Exception):
    """A sandbox did not come up; the text says why, for a person."""
