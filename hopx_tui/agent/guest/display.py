"""Turns values into what can be shown of them (MIME type -> data) and sends it to the agent. Runs in the sandbox's
Python, 3.8 or newer."""

from __future__ import annotations

import os
import sys
from _thread import allocate_lock

# json, io, base64 and typing take longer to import than a simple result takes to send: only where they are needed.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any

SENT_LIMIT = 32 << 20
ROWS_LIMIT = 1000
TEXT_LIMIT = 1 << 20
ITEMS_LIMIT = 10_000
PLAIN = "text/plain"
DATAFRAME = "application/vnd.dataframe+json"
PLOTLY = "application/vnd.plotly.v1+json"
PICTURES = ("image/png", "image/jpeg")
METHODS = (
    ("_repr_html_", "text/html"),
    ("_repr_markdown_", "text/markdown"),
    ("_repr_svg_", "image/svg+xml"),
    ("_repr_png_", "image/png"),
    ("_repr_jpeg_", "image/jpeg"),
    ("_repr_latex_", "text/latex"),
    ("_repr_json_", "application/json"),
)

class Tolerant:
    """What the user's own `_repr_html_` and the like raise spoils that one form, not the code that displayed."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        return kind is not None and issubclass(kind, Exception)


class Outlet:
    """Writes frames: `kind mime length\\n`, then `length` bytes. Only `process` sends, none of its
    forked children, and never more than 32 MiB."""

    def __init__(self, descriptor: int, process: int, identity: tuple[int, int] | None) -> None:
        self._descriptor = descriptor
        self._process = process
        self._identity = identity
        self._room = SENT_LIMIT
        self._lock = allocate_lock()

    def send(self, kind: str, mime: str, data: bytes) -> None:
        """`kind` is display or result. What does not fit is left out."""
        # Code may close every descriptor, and open a file of its own that gets our number.
        if self._descriptor < 0 or os.getpid() != self._process or identity_of(self._descriptor) != self._identity:
            return
        frame = memoryview(f"{kind} {mime} {len(data)}\n".encode() + data)
        with self._lock:
            if len(frame) > self._room:
                return
            self._room -= len(frame)
            try:
                while frame:
                    frame = frame[os.write(self._descriptor, frame) :]
            except OSError:
                self._descriptor = -1


def identity_of(descriptor: int) -> tuple[int, int] | None:
    """Which pipe or file it is; None where it is closed."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


class Display:
    """Shows values; `display()` of the user's code ends here."""

    def __init__(self, outlet: Outlet) -> None:
        self.outlet = outlet
        self._drawn: set[int] = set()

    def show(self, *values: object, raw: bool = False, **_options: object) -> None:
        """Every form of each; with `raw` they are forms already (MIME type -> data)."""
        for value in values:
            forms = dict(value) if raw and isinstance(value, dict) else self.forms(value)
            if forms:
                self.send("display", forms)
            else:
                print(short_repr(value))  # noqa: T201

    def result(self, value: object) -> None:
        """The value of the last expression: its text too."""
        self.send("result", {**self.forms(value), PLAIN: short_repr(value)})

    def send(self, kind: str, forms: dict[str, Any]) -> None:
        """Each form as a frame of its own."""
        for mime, data in forms.items():
            with Tolerant():
                self.outlet.send(kind, str(mime).replace(" ", ""), as_bytes(str(mime), data))

    def forms(self, value: object) -> dict[str, Any]:
        """MIME type -> data; without text/plain."""
        found: dict[str, Any] = {}
        if isinstance(value, type):
            return found
        if is_figure(value):
            self._drawn.add(id(value))
        for reader in (_of_figure, _of_plotly, _of_dataframe, _of_bundle, _of_methods):
            with Tolerant():
                for mime, data in reader(value):
                    if data is not None:
                        found.setdefault(mime, data)
            if found and reader in (_of_figure, _of_plotly):
                break
        found.pop(PLAIN, None)
        return found

    def figures(self, close: bool = False) -> None:
        """Send matplotlib's open figures that were not sent yet; `close` them for good."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        with Tolerant():
            for number in pyplot.get_fignums():
                figure = pyplot.figure(number)
                if id(figure) not in self._drawn:
                    self.send("display", self.forms(figure))
            if close:
                pyplot.close("all")
                self._drawn.clear()

    def watched_spec(self, name: str, path: object, target: object, watcher: object) -> object:
        """The module's own spec, with our hand on its loader: `show()` of it shows here."""
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = None if finder is watcher or find is None else find(name, path, target)
            if spec is not None and spec.loader is not None:
                execute = spec.loader.exec_module

                def exec_module(module: Any, execute: Any = execute) -> None:
                    execute(module)
                    self.adopt(name, module)

                spec.loader.exec_module = exec_module
                return spec
        return None

    def adopt(self, name: str, module: Any) -> None:
        """Make a plotting library's `show()` show here."""
        if name == "matplotlib.pyplot":
            module.show = lambda *_, **__: self._pyplot_show(module)
            module.Figure.show = lambda figure, *_, **__: self.show(figure)
        elif name == "plotly.basedatatypes":
            module.BaseFigure.show = lambda figure, *_, **__: self.show(figure)
        else:
            module.display = self.show

    def _pyplot_show(self, pyplot: Any) -> None:
        self.figures()
        # As everywhere else: what was shown is done with, and the next plot starts anew.
        pyplot.close("all")
        self._drawn.clear()


def is_figure(value: object) -> bool:
    """True for matplotlib's, never importing it."""
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(value, module.Figure)


def _of_figure(value: Any) -> Iterator[tuple[str, Any]]:
    if is_figure(value):
        import io

        buffer = io.BytesIO()
        value.savefig(buffer, format="png", bbox_inches="tight")
        yield "image/png", buffer.getvalue()


def _of_plotly(value: Any) -> Iterator[tuple[str, Any]]:
    module = sys.modules.get("plotly.basedatatypes")
    if module is not None and isinstance(value, module.BaseFigure):
        yield PLOTLY, value.to_json()
        yield "text/html", value.to_html(include_plotlyjs="cdn", full_html=False)


def _of_dataframe(value: Any) -> Iterator[tuple[str, Any]]:
    """pandas: {columns, index, data: rows, dtypes, shape, truncated}; the first 1000 rows."""
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    if frame is not None and isinstance(value, frame):
        import json

        head = value.head(ROWS_LIMIT)
        table = json.loads(head.to_json(orient="split", date_format="iso", default_handler=str))
        table["dtypes"] = [str(each) for each in value.dtypes]
        table["shape"] = list(value.shape)
        table["truncated"] = len(value) > ROWS_LIMIT
        yield DATAFRAME, table


def _of_bundle(value: Any) -> Iterator[tuple[str, Any]]:
    method = getattr(type(value), "_repr_mimebundle_", None)
    if method is not None:
        made = method(value, include=None, exclude=None)
        yield from (made[0] if isinstance(made, tuple) else made or {}).items()


def _of_methods(value: Any) -> Iterator[tuple[str, Any]]:
    for name, mime in METHODS:
        method = getattr(type(value), name, None)
        data: Any = None
        if method is not None:
            with Tolerant():
                data = method(value)
        if data is not None:
            yield mime, data[0] if isinstance(data, tuple) else data


def as_bytes(mime: str, data: Any) -> bytes:
    """Pictures as they are (a `str` is base64), text as UTF-8, all else as JSON."""
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if isinstance(data, str) and mime in PICTURES:
        import base64

        return base64.b64decode(data)
    if isinstance(data, str):
        return data.encode("utf-8", "replace")
    import json

    return json.dumps(data, default=str).encode()


def short_repr(value: Any) -> str:
    """`repr`, within bounds: of a long list the beginning only, which costs no more than what is shown."""
    made: list[str] = []
    with Tolerant():
        if type(value) in (list, tuple, set, frozenset, dict) and len(value) > ITEMS_LIMIT:
            first: list[Any] = []
            for each in value:
                if len(first) == ROWS_LIMIT:
                    break
                first.append(each)
            made.append(f"{type(value).__name__} of {len(value)}, beginning with {first!r}")
        elif type(value) in (str, bytes, bytearray) and len(value) > TEXT_LIMIT:
            made.append(f"{value[:TEXT_LIMIT]!r}...")
        else:
            made.append(repr(value))
    text = made[0] if made else object.__repr__(value)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}..."
