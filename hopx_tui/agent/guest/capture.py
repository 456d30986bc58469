"""Runs code as `python -c` runs it, and sends what it displays over a descriptor of its own.

Nothing is imported that the interpreter has not loaded by itself; display.py is loaded by the first code that
displays. Arguments: the descriptor (-1: nothing is sent), then the code, or "" and the file that holds it.
"""

import sys
from _ast import Expr, Expression

TYPE_CHECKING = False
if TYPE_CHECKING:
    # `typing` would take longer to import than all of this takes to run.
    from typing import Any

ONLY_AST = 0x400
NAME = "<string>"
# Imports after which something of theirs is to display here.
WATCHED = ("matplotlib.pyplot", "plotly.basedatatypes", "IPython.core.display_functions")


class Displays:
    """The display, made when it is first needed. Stands in sys.meta_path to see the imports of plotting libraries."""

    def __init__(self, descriptor: int, process: int, identity: "Any", here: str) -> None:
        self._descriptor = descriptor
        self._process = process
        self._identity = identity
        self._here = here
        self._made: Any = None

    def made(self) -> "Any":
        """The display of display.py."""
        if self._made is None:
            path = self._here[: -len("capture.py")] + "display.py"
            loader = sys.modules["_frozen_importlib_external"].SourceFileLoader("hopx_display_host", path)
            module = type(sys)("hopx_display_host")
            module.__file__ = path
            # dataclasses, pickle and the like look modules up by name.
            sys.modules["hopx_display_host"] = module
            exec(loader.get_code("hopx_display_host"), module.__dict__)
            self._made = module.Display(module.Outlet(self._descriptor, self._process, self._identity))
        return self._made

    def display(self, *values: object, **options: object) -> None:
        """Show each value in every form it has: a picture, a table, HTML; as text on stdout where it has none."""
        self.made().show(*values, **options)

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Only for the watched imports; None (not here) for all others."""
        return self.made().watched_spec(name, path, target, self) if name in WATCHED else None

    def result(self, value: object) -> None:
        """Send what the last expression gave."""
        if value is not None and self._descriptor >= 0:
            self.made().result(value)

    def finish(self) -> None:
        """Send the figures that are still open."""
        if self._made is not None:
            self.made().figures()


class WithoutOurFrames:
    """An excepthook that hands on the traceback as it would be had the code been run by the interpreter itself."""

    def __init__(self, hook: "Any") -> None:
        self._hook = hook

    def __call__(self, kind: "Any", error: "Any", trace: "Any") -> None:
        step = trace
        while step is not None and step.tb_frame.f_code is not run.__code__:
            step = step.tb_next
        while step is not None and step.tb_frame.f_code.co_filename == run.__code__.co_filename:
            trace = step = step.tb_next
        error.__traceback__ = trace
        self._hook(kind, error, trace)


def parts(source: str) -> "tuple[Any, Any]":
    """The compiled code without its last expression, and that; None where it does not end with one."""
    try:
        tree = compile(source, NAME, "exec", ONLY_AST, True)
        if not tree.body or not isinstance(tree.body[-1], Expr) or source.rstrip().endswith(";"):
            return compile(tree, NAME, "exec", 0, True), None
        last = Expression(tree.body.pop().value)
        return compile(tree, NAME, "exec", 0, True), compile(last, NAME, "eval", 0, True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Its errors are told best by the one step that the interpreter itself takes, which also bears more nesting.
        pass
    return compile(source, NAME, "exec", 0, True), None


def run(source: str, displays: Displays) -> None:
    """Run `source` in `__main__`. Raises what it raises."""
    space = sys.modules["__main__"].__dict__
    try:
        code, last = parts(source)
        exec(code, space)
        if last is not None:
            displays.result(eval(last, space))
    except BaseException:
        sys.excepthook = WithoutOurFrames(sys.excepthook)
        raise
    finally:
        displays.finish()


def main(arguments: "list[str]", here: str) -> None:
    """Set the stage as `python -c` does, and run."""
    import builtins
    import os

    descriptor, identity = int(arguments[1]), None
    if descriptor >= 0:
        os.set_inheritable(descriptor, False)
        status = os.fstat(descriptor)
        identity = (status.st_dev, status.st_ino)
    # As the interpreter ends `-c`.
    source = arguments[2] + "\n"
    if len(arguments) > 3:
        with open(arguments[3], encoding="utf-8") as file:
            source = file.read()
    sys.argv[:] = ["-c"]
    displays = Displays(descriptor, os.getpid(), identity, here)
    module = type(sys)("hopx_display", "Shows values in every form they have.")
    builtins.display = module.display = displays.display  # type: ignore[attr-defined]
    sys.modules["hopx_display"] = module
    sys.meta_path.insert(0, displays)  # type: ignore[arg-type]
    if sys.version_info >= (3, 13):
        # Since then the interpreter shows the lines of `-c` in tracebacks.
        import linecache

        lines = [line + "\n" for line in source.splitlines()]
        linecache.cache[NAME] = (len(source), None, lines, NAME)
    run(source, displays)


if __name__ == "hopx_guest":
    main(sys.argv, __file__)
