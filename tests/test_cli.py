"""The command: options, refusals, what it loads, the engine, and the file a crash is written to."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopx_tui import __version__, cli
from hopx_tui.api.errors import Unreachable
from hopx_tui.engine_process import EngineAddress, EngineFailed, UpgradeOffer
from hopx_tui.play import PlayApp
from hopx_tui.settings import Source
from tests.screens.running import settings_in

HEAVY = {"textual", "rich", "httpx", "websockets", "msgspec", "aiohttp", "yaml", "pyte", "asyncio"}


def command(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hopx_tui", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
        timeout=60,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of its own, a terminal on both sides, and no HOPX in the environment."""
    for name in [name for name in os.environ if name.startswith(("HOPX", "XDG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(cli, "sys", _SysOnATerminal())
    before = dict(os.environ)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


class _Tty:
    def isatty(self) -> bool:
        return True


class _SysOnATerminal:
    """The module `sys` with a terminal at both ends."""

    stdin = stdout = _Tty()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


@pytest.mark.parametrize("flag", ["--version", "-V", "--help"])
def test_quick_answers_load_nothing_heavy(flag: str) -> None:
    program = (
        "import sys, json\nfrom hopx_tui.cli import main\n"
        f"try: main([{flag!r}])\nexcept SystemExit as end: assert end.code == 0\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ("0." in done.stdout) if flag != "--help" else ("where the sandboxes are" in done.stdout)
    assert HEAVY.isdisjoint(json.loads(done.stdout.splitlines()[-1]))


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"hopx-tui {__version__}\n"
    with pytest.raises(SystemExit) as end:
        cli.main(["--readonly", "--version"])
    assert end.value.code == 0
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    assert "hopx-tui engine run|start|stop|status|env" in " ".join(capsys.readouterr().out.split())


def test_not_a_terminal(tmp_path: Path) -> None:
    done = command("--local", env={"HOME": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr.startswith("hopx-tui: hopx-tui draws on a terminal")
    assert "hopx-tui engine env" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / ".local").exists()  # no engine was started for that


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--api-key-file", "/nowhere/key"], "/nowhere/key"),
        (["--profile", "nobody"], "nobody"),
        (["--base-url", "http://x"], "needs an API key"),
    ],
)
def test_settings_that_cannot_be_used(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("hopx-tui: ")
    assert words in err


def test_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--no-such"])
    assert end.value.code == 2
    assert "--no-such" in capsys.readouterr().err


def test_engine_becomes_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    executed: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda path, argv: executed.append((path, argv)))
    cli.main(["engine", "status", "--json"])
    assert executed == [(sys.executable, [sys.executable, "-P", "-m", "hopx_tui.engine", "status", "--json"])]


def test_engine_really_answers(tmp_path: Path) -> None:
    done = command("engine", "--help", env={"HOPX_TUI_STATE_DIR": str(tmp_path)})
    assert done.returncode == 0
    assert "start" in done.stdout


class FakeApp:
    """Stands for the dashboard: remembers what it was made with."""

    made: FakeApp
    crash: str | None = None
    return_code: int | None = None
    address: Any = None

    def __init__(self, settings: Any, preferences: Any, open_source: Any, *, upgrade: Any) -> None:
        self.settings = settings
        self.upgrade = upgrade
        self._open_source = open_source
        type(self).made = self

    def run(self) -> None:
        try:
            type(self).address = asyncio.run(self._open_source())
        except Unreachable as error:
            type(self).address = error


class FakeEngine:
    arguments: tuple[Any, ...] = ()
    fails = False

    def __init__(self, *arguments: Any) -> None:
        type(self).arguments = arguments

    async def address(self) -> EngineAddress:
        if self.fails:
            raise EngineFailed("It did not start.")
        return EngineAddress("http://127.0.0.1:1", "key")


@pytest.fixture
def dashboard(home: Path, monkeypatch: pytest.MonkeyPatch) -> type[FakeApp]:
    class App(FakeApp):
        pass

    monkeypatch.setattr("hopx_tui.app.HopxApp", App)
    monkeypatch.setattr("hopx_tui.engine_process.EngineStart", FakeEngine)
    return App


def test_local(home: Path, dashboard: type[FakeApp]) -> None:
    assert cli.main(["--isolation", "none", "--state-dir", str(home / "s")]) == 0
    assert dashboard.address == ("http://127.0.0.1:1", "key")
    state_dir, isolation, environ = FakeEngine.arguments
    assert (state_dir, isolation) == (home / "s", "none")
    assert environ is os.environ


def test_local_that_fails(dashboard: type[FakeApp], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeEngine, "fails", True)
    assert cli.main(["--local"]) == 0
    assert str(dashboard.address) == "It did not start."


def test_cloud(home: Path, dashboard: type[FakeApp], monkeypatch: pytest.MonkeyPatch) -> None:
    FakeEngine.arguments = ()
    monkeypatch.setenv("HOPX_API_KEY", "the-key")
    assert cli.main([]) == 0
    assert dashboard.address == ("https://api.hopx.dev", "the-key")
    assert FakeEngine.arguments == ()  # no engine for the cloud
    assert dashboard.made.settings.readonly is False


def test_options_reach_the_settings(dashboard: type[FakeApp], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert cli.main(["--readonly", "--ascii", "--no-color", "--theme", "hopx-paper"]) == 0
    settings = dashboard.made.settings
    assert (settings.readonly, settings.ascii, settings.color, settings.theme) == (True, True, False, "hopx-paper")
    assert os.environ["NO_COLOR"] == "1"


def test_the_apps_own_status(dashboard: type[FakeApp], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "return_code", 3)
    assert cli.main([]) == 3


def test_a_crash_goes_to_a_file(
    home: Path, dashboard: type[FakeApp], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dashboard, "crash", "Traceback: \udcff details")
    log = home / "deep" / "crash.log"
    for times in (1, 2):
        assert cli.main(["--log-file", str(log)]) == 1
        err = capsys.readouterr().err
        assert "met a fault of its own" in err
        assert str(log) in err
        assert "Traceback" not in err
        assert log.read_text().count("details") == times
    assert cli.main(["--state-dir", str(home / "s")]) == 1
    assert "details" in (home / "s" / "dashboard.log").read_text()


def test_a_crash_that_cannot_be_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "file").write_text("")
    assert cli._confess("Traceback", settings_in(home, log_file=home / "file" / "log")) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_key_is_never_shown(home: Path) -> None:
    source = Source("x", "cloud", "https://x", "the-secret")
    assert "the-secret" not in repr(settings_in(home, source=source))
    assert "key" not in repr(EngineAddress("http://x", "the-secret")).replace("api_key", "")


def test_a_real_crash_leaves_a_clean_terminal(tmp_path: Path) -> None:
    """On a pseudo terminal: no traceback, the alternate screen is left, the status tells."""
    program = (
        "import sys\nfrom hopx_tui import cli\nfrom hopx_tui.screens.start import StartScreen\n"
        "def bug(self): raise RuntimeError('forced')\nStartScreen.on_mount = bug\n"
        "sys.exit(cli.main(['--base-url', 'http://127.0.0.1:9', '--log-file', sys.argv[1]]))"
    )
    log = tmp_path / "crash.log"
    env = {**os.environ, "HOME": str(tmp_path), "HOPX_API_KEY": "k", "TERM": "xterm-256color"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", program, str(log)], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        output = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break  # the far end was closed
            if not piece:
                break
            output += piece
        assert process.wait(30) == 1
    os.close(ours)
    assert b"met a fault of its own" in output
    assert b"Traceback" not in output
    assert b"\x1b[?1049l" in output
    assert output.index(b"\x1b[?1049l") < output.index(b"met a fault")
    assert "RuntimeError: forced" in log.read_text()


def test_themes_of_the_option_are_those_there_are() -> None:
    from hopx_tui.theme import THEMES

    assert {theme.name for theme in THEMES} == set(cli._THEMES)


def test_the_themes_of_the_command_line_are_the_themes() -> None:
    from hopx_tui.theme import THEMES

    assert set(cli._THEMES) == {theme.name for theme in THEMES}


def test_faults_outside_of_the_app_are_confessed_too(
    home: Path, dashboard: type[FakeApp], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is raised while the app starts or ends goes through the hook; the person's own ctrl+c does not."""

    def run(self: FakeApp) -> None:
        hook = cli.sys.excepthook
        for fault in (ValueError("while closing"), KeyboardInterrupt()):
            hook(type(fault), fault, None)

    monkeypatch.setattr(dashboard, "run", run)
    assert cli.main(["--log-file", str(home / "log")]) == 0
    assert "ValueError: while closing" in (home / "log").read_text()
    assert "KeyboardInterrupt" not in (home / "log").read_text()
    assert "met a fault of its own" in capsys.readouterr().err
    assert (home / "log").stat().st_mode & 0o777 == 0o600


async def test_the_upgrade_in_the_words_of_the_dashboard() -> None:
    class Engine:
        fails = False

        async def offer(self) -> UpgradeOffer | None:
            return None if self.fails else UpgradeOffer("0.0.1", "0.1.0", 2)

        async def restart(self) -> EngineAddress:
            if self.fails:
                raise EngineFailed("No.")
            return EngineAddress("http://x", "k")

    engine: Any = Engine()
    upgrade = cli._Upgrade(engine)
    assert await upgrade.offer() == ("0.0.1", "0.1.0", 2)
    await upgrade.restart()
    engine.fails = True
    assert await upgrade.offer() is None
    with pytest.raises(Unreachable, match="No"):
        await upgrade.restart()


def test_the_doctor_is_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []

    def become(_program: str, command: list[str]) -> None:
        called.append(command)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", become)
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--json"])
    assert called == [[sys.executable, "-P", "-m", "hopx_tui.engine", "doctor", "--json"]]


# -- play

CAST = '{"version": 2, "width": 20, "height": 4}\n[0.0, "o", "once upon"]\n'


def test_playing_needs_a_terminal_and_a_file(tmp_path: Path) -> None:
    done = command("play", "--help")
    assert done.returncode == 0
    assert "asciicast" in done.stdout
    done = command("play", str(tmp_path / "x"), env={"HOME": str(tmp_path), "HOPX_TUI_ISOLATION": "nonsense"})
    assert done.returncode == 2
    assert done.stderr == "hopx-tui: a recording is played on a terminal, and this is none.\n"
    assert command("play").returncode == 2


def test_what_cannot_be_played(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "bad.cast").write_text("hello")
    assert cli.main(["play", str(home / "absent.cast")]) == 1
    assert cli.main(["play", str(home / "bad.cast")]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("absent.cast cannot be played: No such file or directory.")
    assert "line 1: this is no recording" in second


def test_playing_is_told_what_was_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[PlayApp] = []

    def run(app: PlayApp) -> None:
        made.append(app)
        app._player._player.recording.close()
        if len(made) == 2:
            app.crash = "Traceback: boom"

    monkeypatch.setattr(PlayApp, "run", run)
    (home / "a.cast").write_text(CAST)
    (home / ".hopx").mkdir()
    (home / ".hopx" / "config.yaml").write_text("{ broken")
    arguments = ["play", str(home / "a.cast"), "--ascii", "--theme", "hopx-paper", "--no-color"]
    assert cli.main(arguments) == 0
    assert made[0].ascii_only
    assert made[0]._start_theme == "hopx-paper"
    assert os.environ["NO_COLOR"] == "1"
    assert cli.main(arguments) == 1
    assert "boom" in (home / "state" / "hopx-tui" / "dashboard.log").read_text()


def test_playing_loads_nothing_of_a_source(tmp_path: Path) -> None:
    program = "import sys, json, hopx_tui.play, hopx_tui.preferences; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = json.loads(done.stdout)
    assert {"httpx", "websockets", "msgspec", "aiohttp"}.isdisjoint(loaded)
    assert not [name for name in loaded if name.startswith(("hopx_tui.api", "hopx_tui.live", "hopx_tui.panes"))]
