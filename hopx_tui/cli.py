"""The command line: arguments become Settings, settings become a running dashboard or a started engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hopx_tui import __version__

if TYPE_CHECKING:
    import argparse
    from types import TracebackType

    from hopx_tui.engine_process import EngineStart
    from hopx_tui.settings import Settings

USAGE_ERROR = 2
_THEMES = ("hopx-night", "hopx-ember", "hopx-paper", "hopx-ansi")
"""Named here too, as importing the themes imports Textual; a test holds both equal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status: 0 fine, 1 it failed, 2 it was called wrongly."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments in (["--version"], ["-V"]):
        print(f"hopx-tui {__version__}")  # noqa: T201
        return 0
    if arguments[:1] == ["engine"]:
        return _engine(arguments[1:])
    if arguments[:1] == ["doctor"]:
        return _engine(arguments)
    if arguments[:1] == ["play"]:
        return _play(arguments[1:])
    attaching = arguments[:1] == ["attach"]
    options = (_attach_parser() if attaching else _parser()).parse_args(arguments[attaching:])
    from hopx_tui.settings import SettingsError, resolve

    try:
        settings = resolve(options, os.environ, Path.home())
    except SettingsError as error:
        return _complain(str(error), USAGE_ERROR)
    if attaching:
        return _attach(settings, options.sandbox, options.session)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _complain(
            "hopx-tui draws on a terminal, and this is none (its input or output is redirected). "
            "For scripts there is `hopx-tui engine env` with the official CLI or SDK.",
            USAGE_ERROR,
        )
    return _dashboard(settings)


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="hopx-tui",
        description="The terminal dashboard for HOPX sandboxes. Without an API key it runs real sandboxes on this "
        "machine, in the local engine.",
        epilog="`hopx-tui attach ID` gives your own terminal a sandbox's shell; `hopx-tui play FILE` plays a recorded "
        "terminal. "
        "`hopx-tui engine run|start|stop|status|env|build` handles the local engine (see `hopx-tui engine "
        "--help`); `hopx-tui doctor` says what works on this machine and what to do about the rest. "
        "Environment: HOPX_API_KEY, HOPX_BASE_URL, HOPX_PROFILE, HOPX_TUI_STATE_DIR, NO_COLOR.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"hopx-tui {__version__}")
    _add_source(parser)
    look = parser.add_argument_group("how it looks and behaves")
    look.add_argument("--readonly", action="store_true", help="nothing can be changed from this dashboard")
    look.add_argument("--theme", choices=_THEMES, help="colours; hopx-paper is light, hopx-ansi has 16")
    look.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    look.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
    look.add_argument("--log-file", metavar="FILE", help="where a crash of the dashboard is written down")
    return parser


def _attach_parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="hopx-tui attach",
        description="Your own terminal on a sandbox's shell, with no dashboard around it. ctrl+] then d leaves; the "
        "exit status is the shell's, or 255 when there was none.",
    )
    parser.add_argument("sandbox", metavar="ID", help="the sandbox: its id, the beginning of its id, or its name")
    parser.add_argument("--session", metavar="NAME", help="go back into a shell that was left")
    _add_source(parser)
    return parser


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("where the sandboxes are")
    source.add_argument("--local", action="store_true", help="the local engine, even where a key is configured")
    source.add_argument("--api-key-file", metavar="FILE", help="read the API key from FILE")
    source.add_argument("--base-url", metavar="URL", help="the control plane, instead of the cloud's own")
    source.add_argument("--profile", metavar="NAME", help="a profile of ~/.hopx/config.yaml")
    source.add_argument("--config", metavar="FILE", help="another file instead of ~/.hopx/config.yaml")
    source.add_argument("--state-dir", metavar="DIR", help="where the local engine keeps its state")
    source.add_argument("--isolation", choices=("auto", "bwrap", "none"), help="what a newly started engine uses")


def _engine(arguments: Sequence[str]) -> int:
    """Become the engine program."""
    from hopx_tui.engine_process import engine_argv

    command = engine_argv(*arguments)
    sys.stdout.flush()
    os.execv(command[0], command)


def _play(arguments: Sequence[str]) -> int:
    """Play a recording; needs neither engine nor key."""
    import argparse

    parser = argparse.ArgumentParser(
        prog="hopx-tui play",
        description="Plays the recording of a terminal (asciicast, versions 2 and 3). ? lists the keys.",
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--theme", choices=_THEMES, help="colours; hopx-paper is light, hopx-ansi has 16")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    parser.add_argument("--no-color", action="store_true", help="no colours (as NO_COLOR)")
    options = vars(parser.parse_args(arguments))
    from hopx_tui.settings import SettingsError, resolve

    try:
        # No source is opened: nothing of one may stand in the way.
        settings = resolve(options | {"local": True, "isolation": "auto"}, os.environ, Path.home())
    except SettingsError as error:
        return _complain(str(error), USAGE_ERROR)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _complain("a recording is played on a terminal, and this is none.", USAGE_ERROR)
    from hopx_tui.tty.capabilities import detect, recommended

    _put(os.environ, recommended(detect(os.environ), os.environ))
    if not settings.color:
        os.environ["NO_COLOR"] = "1"
    from hopx_tui.play import PlayApp
    from hopx_tui.preferences import Preferences
    from hopx_tui.screens.player import PlayError

    try:
        app = PlayApp(options["file"], settings, Preferences(settings.preferences))
    except PlayError as error:
        return _complain(str(error), 1)
    app.run()
    if app.crash is not None:
        return _confess(app.crash, settings)
    return app.return_code or 0


def _dashboard(settings: Settings) -> int:
    import traceback

    from hopx_tui.tty.capabilities import detect, recommended

    def confess(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, Exception):  # the person's own ctrl+c is no fault
            _confess("".join(traceback.format_exception(kind, error, trace)), settings)

    # What the app cannot catch itself: faults before it runs and while it closes.
    unhooked, sys.excepthook = sys.excepthook, confess
    _put(os.environ, recommended(detect(os.environ), os.environ))
    if not settings.color:
        os.environ["NO_COLOR"] = "1"
    engine = _start_engine(settings)
    from hopx_tui.app import HopxApp
    from hopx_tui.preferences import Preferences

    upgrade = _Upgrade(engine) if engine is not None else None
    app = HopxApp(settings, Preferences(settings.preferences), _opening(settings, engine), upgrade=upgrade)
    app.run()
    sys.excepthook = unhooked
    if app.crash is not None:
        return _confess(app.crash, settings)
    return app.return_code or 0


def _start_engine(settings: Settings) -> EngineStart | None:
    """The local engine begins to start now, while the caller imports what it needs; None for another source."""
    if settings.source.kind != "local":
        return None
    from hopx_tui.engine_process import EngineStart

    return EngineStart(settings.state_dir, settings.isolation, os.environ)


def _opening(settings: Settings, engine: EngineStart | None) -> Callable[[], Awaitable[tuple[str, str]]]:
    """What gives base URL and API key."""
    source = settings.source

    async def open_source() -> tuple[str, str]:
        from hopx_tui.api.errors import Unreachable
        from hopx_tui.engine_process import EngineFailed

        if engine is None:
            return source.base_url or "", source.api_key or ""
        try:
            address = await engine.address()
        except EngineFailed as error:
            raise Unreachable(str(error)) from None
        return address.url, address.api_key

    return open_source


def _attach(settings: Settings, sandbox: str, session: str | None) -> int:
    import asyncio

    open_source = _opening(settings, _start_engine(settings))
    from hopx_tui.attach import attach
    from hopx_tui.preferences import Preferences

    def say(sentence: str) -> None:
        print(f"hopx-tui: {sentence}", file=sys.stderr)  # noqa: T201

    name_of = Preferences(settings.preferences).name
    return asyncio.run(attach(open_source, sandbox, name_of, session=session, say=say))


class _Upgrade:
    """The engine's upgrade in the words of the dashboard."""

    def __init__(self, engine: EngineStart) -> None:
        self._engine = engine

    async def offer(self) -> tuple[str, str, int] | None:
        """See `app.Upgrade`."""
        offer = await self._engine.offer()
        return (offer.old, offer.new, offer.active) if offer is not None else None

    async def restart(self) -> None:
        """See `app.Upgrade`."""
        from hopx_tui.api.errors import Unreachable
        from hopx_tui.engine_process import EngineFailed

        try:
            await self._engine.restart()
        except EngineFailed as error:
            raise Unreachable(str(error)) from None


def _put(environ: os._Environ[str], values: Mapping[str, str]) -> None:
    for name, value in values.items():
        environ[name] = value


def _confess(crash: str, settings: Settings) -> int:
    """A bug of ours ended the dashboard: keep the details in a file, give the person a sentence."""
    log = settings.log_file or settings.state_dir / "dashboard.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(log, "a", encoding="utf-8", errors="backslashreplace", opener=_private) as file:
            file.write(crash + "\n")
    except OSError as error:
        return _complain(f"hopx-tui met a fault of its own and had to stop; {log} cannot be written ({error}).", 1)
    return _complain(
        f"hopx-tui met a fault of its own and had to stop. Sandboxes are not affected. The details are in {log}", 1
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _complain(sentence: str, status: int) -> int:
    print(f"hopx-tui: {sentence}", file=sys.stderr)  # noqa: T201
    return status
