"""The two ways a kernel runs code: IPython where the sandbox's Python has it, else the standard library. Runs in the
sandbox's Python, 3.8 or newer."""

from __future__ import annotations

import ast
import importlib
import linecache
import re
import sys
import traceback
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

COROUTINE = 0x80
AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# The sandbox's own, where it has them.
SHELL = "IPython.core.interactiveshell"
HOOK = "IPython.core.displayhook"
PUBLISHER = "IPython.core.displaypub"
CONFIG = "traitlets.config"


def make_session(display: Any, scratch: str) -> Any:
    """An IPythonSession, or a PlainSession where IPython is not installed, or not as expected."""
    try:
        return IPythonSession(display, importlib.import_module(SHELL), scratch)
    except (ImportError, AttributeError, OSError, RuntimeError, TypeError, ValueError):
        return PlainSession(display)


class Ended:
    """How the user's code ended. Whatever it raised is reported as the interpreter would, and goes no further."""

    def __init__(self) -> None:
        self.exit_code = 0

    def __enter__(self) -> Ended:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, SystemExit):
            self.exit_code = exit_status(error)
        elif error is not None:
            self.exit_code = 130 if isinstance(error, KeyboardInterrupt) else 1
            while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
                trace = trace.tb_next
            # Its own frames only; asyncio's, between ours and the user's, are cut as well.
            inner = trace
            while inner is not None and not inner.tb_frame.f_code.co_filename.startswith("<cell "):
                inner = inner.tb_next
            traceback.print_exception(kind, error, inner or trace)
        return True


def exit_status(error: SystemExit) -> int:
    """What the interpreter would exit with; a text is printed and counts as 1."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201
    return 1


class PlainSession:
    """A read-eval-print loop without the reading: the last expression is the result, `_` holds it, `await` works."""

    name = "python"

    def __init__(self, display: Any) -> None:
        self._display = display
        self._space = sys.modules["__main__"].__dict__
        self._loop: Any = None
        self.version = sys.version.split()[0]
        self.count = 0
        self.show = display.show

    def run(self, code: str) -> int:
        """The exit code."""
        self.count += 1
        name = f"<cell {self.count}>"
        # So that tracebacks and inspect.getsource find the lines.
        linecache.cache[name] = (len(code), None, [line + "\n" for line in code.splitlines()], name)
        with Ended() as ended:
            tree = compile(code, name, "exec", ast.PyCF_ONLY_AST | AWAIT, True)
            last = None
            if tree.body and isinstance(tree.body[-1], ast.Expr) and not code.rstrip().endswith(";"):
                last = compile(ast.Expression(tree.body.pop().value), name, "eval", AWAIT, True)
            self._evaluate(compile(tree, name, "exec", AWAIT, True))
            if last is not None:
                value = self._evaluate(last)
                if value is not None:
                    self._space["_"] = value
                    self._display.result(value)
        return ended.exit_code

    def _evaluate(self, code: Any) -> Any:
        value = eval(code, self._space)
        return self._await(value) if code.co_flags & COROUTINE else value

    def _await(self, coroutine: Any) -> Any:
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except KeyboardInterrupt:
            task.cancel()
            with Cancelled():
                self._loop.run_until_complete(task)
            raise


class Cancelled:
    """The end of a task that was interrupted: its own error is of no interest any more."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> bool:
        return kind is not None and not issubclass(kind, (KeyboardInterrupt, SystemExit))


class IPythonSession:
    """IPython's shell with its outputs led to the display and to stderr."""

    name = "ipython"

    def __init__(self, display: Any, module: Any, scratch: str) -> None:
        self._shell = _make_shell(display, module, scratch)
        self.version = str(sys.modules["IPython"].__dict__.get("__version__", ""))
        self.show = display.show
        # Ours knows figures, tables and plots without any formatter being set up for them.
        for name in ("IPython.core.display_functions", "IPython.display"):
            importlib.import_module(name).display = display.show  # type: ignore[attr-defined]

    @property
    def count(self) -> int:
        """How many calls there were."""
        return int(self._shell.execution_count) - 1

    def run(self, code: str) -> int:
        """The exit code."""
        with Ended() as ended:
            done = self._shell.run_cell(code, store_history=True)
            error = done.error_before_exec or done.error_in_exec
            if isinstance(error, SystemExit):
                ended.exit_code = exit_status(error)
            elif error is not None:
                ended.exit_code = 130 if isinstance(error, KeyboardInterrupt) else 1
        return ended.exit_code


def _make_shell(display: Any, module: Any, scratch: str) -> Any:
    """Raises what `make_session` expects where this IPython is not as expected."""
    config = importlib.import_module(CONFIG).Config()
    warnings.filterwarnings("ignore", message="To exit: use")
    # No history file, no profile: the sandbox's home is the user's.
    config.HistoryManager.enabled = False
    hook_base = importlib.import_module(HOOK).DisplayHook
    publisher_base = importlib.import_module(PUBLISHER).DisplayPublisher

    class Hook(hook_base):  # type: ignore[misc, valid-type]
        """Sends the last expression's value instead of printing it."""

        def start_displayhook(self) -> None:
            return None

        write_output_prompt = finish_displayhook = start_displayhook

        def write_format_data(self, format_dict: Any, md_dict: object = None) -> None:
            value = self.shell.user_ns.get("_")
            display.send("result", {**format_dict, **display.forms(value)})

    class Publisher(publisher_base):  # type: ignore[misc, valid-type]
        """What `display()` shows; text on stdout where there is nothing else."""

        def publish(self, data: Any, *_: object, **__: object) -> None:
            rich = {mime: value for mime, value in data.items() if mime != "text/plain"}
            if rich:
                display.send("display", rich)
            elif "text/plain" in data:
                print(data["text/plain"])  # noqa: T201

        def clear_output(self, wait: bool = False) -> None:
            return None

    class Shell(module.InteractiveShell):  # type: ignore[misc]
        """Prints errors to stderr, and has no terminal to be careful of."""

        # Runs `!command` on our own descriptors.
        system = module.InteractiveShell.system_raw

        def _showtraceback(self, etype: object, evalue: object, stb: Any) -> None:
            if not isinstance(evalue, SystemExit):
                print(COLOURS.sub("", self.InteractiveTB.stb2text(stb)), file=sys.stderr)  # noqa: T201

        def ask_exit(self) -> None:
            raise SystemExit(0)

        def enable_gui(self, gui: object = None) -> None:
            return None

    return Shell.instance(
        config=config, ipython_dir=scratch, displayhook_class=Hook, display_pub_class=Publisher
    )
