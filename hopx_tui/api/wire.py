"""JSON bytes -> models: strict and fast first, tolerant when the strict way fails.

The tolerant way accepts what the contract lists: both spellings, null for absent, numbers as strings and the
reverse, null lists and entries, moments without a zone, broken text encodings. Figures outside the bounds of their
field count as not told (0 where there must be one), and texts that are too long are cut.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as shapes

from hopx_tui.api.errors import BadResponse
from hopx_tui.api.models import Model
from hopx_tui.api.words import plain

__all__ = ["LARGEST_BODY", "decode", "decode_any", "excerpt", "plain"]

M = TypeVar("M", bound=Model)
N = TypeVar("N", int, float)

_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.IGNORECASE | re.DOTALL)
LARGEST_BODY = 16 * 1024 * 1024
"""Bytes of JSON that are read of an answer, unless the caller expects more."""

_MOST_DIGITS = 400
_GO_ZERO_TIME = b'"0001-01-01'


def excerpt(body: bytes, limit: int = 120) -> str:
    """The first words of a body that is no JSON; the tags of HTML are left out."""
    text = body[:8192].decode("utf-8", "replace")
    return plain(_TAG.sub(" ", text), limit)


def decode(body: bytes, model: type[M], *, what: str) -> M:
    """The body of an answer as `model`; BadResponse naming `what` when it cannot be one."""
    try:
        if _GO_ZERO_TIME not in body and not _spelled_otherwise(model, body):
            decoded: M = _decoder(model).decode(body)
            return decoded
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    value = decode_any(body, what=what)
    try:
        fitted = _fit(value, shapes.type_info(model))
    except _MisfitError as error:
        raise BadResponse(
            f"The answer to {what} has an unexpected shape ({error}): {excerpt(body)}",
            hint="Is this the right server, and the right version of it?",
        ) from None
    assert isinstance(fitted, model)
    return fitted


def decode_any(body: bytes, *, what: str) -> Any:
    """The body as plain JSON values; BadResponse with an excerpt when it is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_int=_digits)
    except (ValueError, RecursionError):
        pass
    hint = "Is this the right server?"
    if not body.strip():
        raise BadResponse(f"The answer to {what} is empty.", hint=hint)
    kind = "HTML" if body.lstrip()[:1] == b"<" else "not JSON"
    raise BadResponse(f"The answer to {what} is {kind}: {excerpt(body)}", hint=hint)


def _digits(text: str) -> int | float:
    """Python refuses to read more than 4300 digits; infinity is refused field by field."""
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


@lru_cache(maxsize=64)
def _decoder(model: type[M]) -> msgspec.json.Decoder[M]:
    return msgspec.json.Decoder(model)


@lru_cache(maxsize=64)
def _spellings(model: type[Model]) -> tuple[tuple[bytes, tuple[bytes, ...]], ...]:
    """(key, other keys) of the model and of the rows inside it, as they appear in compact or spaced JSON."""
    found: list[tuple[bytes, tuple[bytes, ...]]] = []
    pending: list[shapes.Type] = [shapes.type_info(model)]
    while pending:
        node = pending.pop()
        if isinstance(node, shapes.StructType):
            aliases: Mapping[str, tuple[str, ...]] = getattr(node.cls, "ALIASES", {})
            for name, others in aliases.items():
                found.append((_key(name), tuple(_key(other) for other in others)))
            pending.extend(field.type for field in node.fields)
        elif isinstance(node, shapes.ListType):
            pending.append(node.item_type)
        elif isinstance(node, shapes.UnionType):
            pending.extend(node.types)
    return tuple(found)


def _key(name: str) -> bytes:
    return f'"{name}":'.encode()


def _spelled_otherwise(model: type[Model], body: bytes) -> bool:
    """Whether another spelling stands instead of the model's own (a quoted key cannot occur in a value)."""
    return any(key not in body and any(other in body for other in others) for key, others in _spellings(model))


class _MisfitError(Exception):
    """A value that cannot be what the field wants."""


class _BoundsError(_MisfitError):
    """A number, but an impossible one."""


def _fit(value: Any, node: shapes.Type) -> Any:
    """`value` as the type `node` describes, or _MisfitError."""
    if isinstance(node, shapes.UnionType):
        return _fit_union(value, node)
    if isinstance(node, shapes.StructType):
        return _fit_struct(value, node)
    if isinstance(node, shapes.ListType):
        return _fit_list(value, node)
    if isinstance(node, shapes.DictType):
        return _fit_dict(value, node)
    if isinstance(node, shapes.StrType):
        text = _text(value)
        return text if node.max_length is None else text[: node.max_length]
    if isinstance(node, shapes.IntType):
        return _bounded(_whole(value), node)
    if isinstance(node, shapes.FloatType):
        return _bounded(_real(value), node)
    if isinstance(node, shapes.BoolType):
        return _truth(value)
    return _moment(value) if isinstance(node, shapes.DateTimeType) else value


def _bounded(number: N, node: shapes.IntType | shapes.FloatType) -> N:
    if (node.ge is not None and number < node.ge) or (node.le is not None and number > node.le):
        raise _BoundsError("the number is out of range")
    return number


def _fit_union(value: Any, node: shapes.UnionType) -> Any:
    if value is None and node.includes_none:
        return None
    misfit = _MisfitError("wrong type")
    for option in node.types:
        if not isinstance(option, shapes.NoneType):
            try:
                return _fit(value, option)
            except _MisfitError as error:
                misfit = error
    raise misfit


def _fit_struct(value: Any, node: shapes.StructType) -> Any:
    if not isinstance(value, dict):
        raise _MisfitError("an object was expected")
    aliases: Mapping[str, tuple[str, ...]] = getattr(node.cls, "ALIASES", {})
    whole: frozenset[str] = getattr(node.cls, "WHOLE", frozenset())
    arguments: dict[str, Any] = {}
    for field in node.fields:
        key = field.encode_name
        candidates = [value.get(name) for name in (key, *aliases.get(key, ()))]
        told = [candidate for candidate in candidates if candidate is not None]
        given = next((candidate for candidate in told if candidate != ""), told[0] if told else None)
        if given is None and not isinstance(field.type, shapes.ListType):
            if field.required:
                raise _MisfitError(f"no {key}")
            continue
        try:
            arguments[field.name] = _fit_whole(given, field.type) if key in whole else _fit(given, field.type)
        except _MisfitError as error:
            if field.required:
                if not isinstance(error, _BoundsError) or not _may_be_zero(field.type):
                    raise _MisfitError(f"bad {key}") from None
                arguments[field.name] = 0
    return node.cls(**arguments)


def _may_be_zero(node: shapes.Type) -> bool:
    return isinstance(node, (shapes.IntType, shapes.FloatType)) and (node.ge is None or node.ge <= 0)


def _fit_whole(value: Any, node: shapes.Type) -> Any:
    """As `_fit`, but a text that would have to be cut does not fit."""
    fitted = _fit(value, node)
    if isinstance(value, str) and isinstance(fitted, str) and len(fitted) < len(value):
        raise _MisfitError("the text is too long")
    return fitted


def _fit_list(value: Any, node: shapes.ListType) -> list[Any]:
    """Null is empty; null and broken entries are left out unless nothing else is there."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise _MisfitError("a list was expected")
    entries = [entry for entry in value if entry is not None]
    fitted: list[Any] = []
    reason: _MisfitError | None = None
    for entry in entries:
        try:
            fitted.append(_fit(entry, node.item_type))
        except _MisfitError as error:
            reason = error
    if reason is not None and not fitted:
        raise reason
    return fitted


def _fit_dict(value: Any, node: shapes.DictType) -> dict[str, Any]:
    if isinstance(value, list):  # a list of names, such as features: all of them are on
        return {name: True for name in value if isinstance(name, str)}
    if not isinstance(value, dict):
        raise _MisfitError("an object was expected")
    fitted: dict[str, Any] = {}
    for key, entry in value.items():
        try:
            fitted[_text(key)] = _fit(entry, node.value_type)
        except _MisfitError:
            continue
    return fitted


def _text(value: Any) -> str:
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise _MisfitError("text was expected")


def _real(value: Any) -> float:
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        raise _MisfitError("a number was expected")
    try:
        number = float(value)
    except ValueError:
        raise _MisfitError("a number was expected") from None
    except OverflowError:
        raise _BoundsError("the number is out of range") from None
    if not math.isfinite(number):
        raise _MisfitError("a number was expected")
    return number


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= _MOST_DIGITS:
        try:
            return int(value)
        except ValueError:
            pass
    return int(_real(value))


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    answer = known.get(str(value).lower()) if isinstance(value, (str, int)) else None
    if answer is None:
        raise _MisfitError("true or false was expected")
    return answer


def _moment(value: Any) -> datetime:
    """RFC 3339 with any number of digits, or seconds since 1970; Go's zero time means none."""
    try:
        if isinstance(value, str):
            moment = msgspec.convert(value, datetime)
        else:
            moment = datetime.fromtimestamp(_real(value), UTC)
    except (msgspec.ValidationError, ValueError, OverflowError, OSError):
        raise _MisfitError("a date was expected") from None
    if moment.year < 1970:
        raise _MisfitError("no date")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
