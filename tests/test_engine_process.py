"""Starting the engine as a child: its answer, its last words, its silence."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from hopx_tui import __version__, engine_process
from hopx_tui.engine_process import (
    EngineAddress,
    EngineFailed,
    EngineStart,
    UpgradeOffer,
    _last_words,
    engine_argv,
    is_older,
)

ANSWER = """print('{"url": "http://127.0.0.1:5", "api_key": "secret", "pid": 1}')"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is run instead of the engine; the test writes it."""
    path = tmp_path / "engine.py"
    monkeypatch.setattr(
        engine_process, "engine_argv", lambda *arguments: [sys.executable, "-S", str(path), *arguments]
    )
    return path


async def test_the_address(program: Path) -> None:
    program.write_text(ANSWER)
    address = await EngineStart(None, None, os.environ).address()
    assert address == EngineAddress("http://127.0.0.1:5", "secret")
    assert "secret" not in repr(address)


async def test_what_it_is_called_with(program: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    tell = f"import os, sys; open({str(told)!r}, 'a').write(repr((sys.argv[1:], os.environ.get('X'))))"
    program.write_text(f"{tell}\n{ANSWER}")
    await EngineStart(tmp_path / "s", "none", {**os.environ, "X": "1"}).address()
    arguments = ["start", "--json", "--state-dir", str(tmp_path / "s"), "--isolation", "none"]
    assert told.read_text() == repr((arguments, "1"))


async def test_a_second_call_starts_anew(program: Path, tmp_path: Path) -> None:
    count = tmp_path / "count"
    program.write_text(
        f"import os, sys\nwith open({str(count)!r}, 'a') as f: f.write('x')\n"
        f"if os.path.getsize({str(count)!r}) == 1: sys.exit('first\\nno room left')\n{ANSWER}"
    )
    start = EngineStart(None, None, os.environ)
    with pytest.raises(EngineFailed, match=r"^no room left$"):
        await start.address()
    assert (await start.address()).url == "http://127.0.0.1:5"
    assert count.read_text() == "xx"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise SystemExit(7)", "ended with status 7"),
        ("print('no json')", "something else than its address"),
        ("print('{}')", "something else than its address"),
        ("print('[]')", "something else than its address"),
        ("print('null')", "something else than its address"),
        ("print('" + "x" * 60_000 + "')", "something else than its address"),
    ],
)
async def test_failures(program: Path, text: str, words: str) -> None:
    program.write_text(text)
    with pytest.raises(EngineFailed, match=words):
        await EngineStart(None, None, os.environ).address()


async def test_silence(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "_PATIENCE", 0.05)
    program.write_text("import time; time.sleep(60)")
    start = EngineStart(None, None, os.environ)
    child = start._child
    with pytest.raises(EngineFailed, match="did not answer within 0 seconds"):
        await start.address()
    assert child is not None
    assert child.returncode is not None  # nothing is left behind


async def test_waiting_can_be_given_up_at_once(program: Path) -> None:
    """A thread would keep the whole program from ending until the child has answered."""
    program.write_text("import time; time.sleep(60)")
    start = EngineStart(None, None, os.environ)
    child = start._child
    assert child is not None
    began = time.monotonic()
    waiting = asyncio.create_task(start.address())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.get_running_loop().shutdown_default_executor()
    assert time.monotonic() - began < 10
    child.kill()
    child.communicate()


def engine_of(version: str, *, status: str = "", stop: str = "", note: Path | None = None) -> str:
    """A program that answers as an engine of that version, and notes what it was asked."""
    return (
        "import json, sys\n"
        f"note = {str(note) if note else None!r}\n"
        "if note: open(note, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"if sys.argv[1] == 'status': {status or 'sys.exit(1)'}\n"
        f"elif sys.argv[1] == 'stop': {stop or 'pass'}\n"
        f"else: print(json.dumps({{'url': 'http://x', 'api_key': 'k', 'version': {version!r}}}))\n"
    )


COUNTS = "print(json.dumps({'sandboxes': {'running': 2, 'paused': 1, 'creating': 0, 'stopped': 7}}))"


async def test_an_older_engine_is_offered_a_restart(program: Path, tmp_path: Path) -> None:
    note = tmp_path / "note"
    program.write_text(engine_of("0.0.9", status=COUNTS, note=note))
    start = EngineStart(tmp_path / "s", "none", os.environ)
    assert await start.offer() is None  # nobody has answered yet
    assert (await start.address()).version == "0.0.9"
    assert await start.offer() == UpgradeOffer("0.0.9", __version__, 3)
    place = f"--state-dir {tmp_path / 's'}"
    assert note.read_text().splitlines()[1:] == [f"status --json {place}"]  # asking changes nothing
    program.write_text(engine_of(__version__, note=note))
    assert (await start.restart()).version == __version__
    assert note.read_text().splitlines()[2:] == [
        f"stop --force {place}",
        f"start --json {place} --isolation none",
    ]
    assert await start.offer() is None


@pytest.mark.parametrize(
    ("version", "status"),
    [(__version__, COUNTS), ("99.0.0", COUNTS), ("0.0.9", ""), ("0.0.9", "print('[]')"), ("odd", COUNTS), ("", COUNTS)],
)
async def test_no_offer(program: Path, version: str, status: str) -> None:
    program.write_text(engine_of(version, status=status))
    start = EngineStart(None, None, os.environ)
    await start.address()
    assert await start.offer() is None


async def test_a_restart_that_fails(program: Path) -> None:
    program.write_text(engine_of("0.0.9", stop="sys.exit('It does not end.')"))
    start = EngineStart(None, None, os.environ)
    await start.address()
    with pytest.raises(EngineFailed, match="It does not end"):
        await start.restart()


def test_versions() -> None:
    assert is_older("0.9.1", "0.10.0")
    assert is_older("0.1", "0.1.1+local")
    assert not is_older("0.1.0", "0.1.0")
    assert not is_older("1.0.0", "0.9.9")


def test_last_words() -> None:
    assert _last_words("") == ""
    assert _last_words("a\n b \n\n") == "b"
    assert len(_last_words("x" * 1000)) == 500


def test_the_command() -> None:
    assert engine_argv("run", "--port", "1") == [sys.executable, "-P", "-m", "hopx_tui.engine", "run", "--port", "1"]
