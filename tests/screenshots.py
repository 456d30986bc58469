"""Writes `screenshots/` from the running product on the real engine: `python -m tests.screenshots`.

SVG at 80x24 and 160x45, and one PNG for the README's head where `rsvg-convert` (Debian: librsvg2-bin) is installed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from hopx_tui.api.control import ControlPlane
from hopx_tui.app import HopxApp
from hopx_tui.preferences import Preferences
from hopx_tui.screens.sandbox import SandboxView
from hopx_tui.settings import Settings, resolve

FOLDER = Path(__file__).parent.parent / "screenshots"
SIZES = {"80x24": (80, 24), "160x45": (160, 45)}
BUSY = "(while :; do timeout {busy} sh -c 'while :; do :; done'; sleep {rest}; done) >/dev/null 2>&1 &"
REPORT = '''import csv


def rows(path: str) -> list[list[str]]:
    """All rows of a CSV file."""
    with open(path, newline="") as file:
        return list(csv.reader(file))
'''
PROJECT = f"""mkdir -p src data
cat > src/report.py <<'END'
{REPORT}END
seq 1 20000 > data/rows.csv
echo '# Scraper' > README.md
"""
FLEET = (
    ("web-scraper", "python", 3_600, PROJECT + BUSY.format(busy=1.2, rest=1.5)),
    ("etl-job", "python", None, BUSY.format(busy=0.3, rest=2)),
    ("agent-42", "nodejs", 240, "sleep 1000 >/dev/null 2>&1 &"),
    ("notebook", "base", None, "true"),
    ("old-run", "base", None, "true"),
)
"""Name, template, timeout in seconds, and what it is busy with."""


async def fill(control: ControlPlane, names: Callable[[str, str], None]) -> None:
    """Create the fleet and give it something to do."""
    for name, template, timeout, command in FLEET:
        sandbox = await control.create(template, timeout_seconds=timeout)
        await control.agent(sandbox).run(command, timeout=20)
        names(sandbox.id, name)
        if name == "notebook":
            await control.pause(sandbox.id)
        if name == "old-run":
            await control.stop(sandbox.id)


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something on the screen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the screen did not show what was waited for")
        await asyncio.sleep(0.1)


def save(app: HopxApp, name: str) -> None:
    """One SVG, free of fonts to download."""
    svg = re.sub(r"@font-face\s*{[^}]*}", "", app.export_screenshot(title="hopx-tui", simplify=True))
    svg = svg.replace("Fira Code", "DejaVu Sans Mono")
    # Hard blanks at the edges of a text are dropped by some renderers, kept soft ones are not.
    svg = svg.replace("<text ", '<text xml:space="preserve" ').replace("&#160;", " ")
    # htop shows the command lines of the agent: where this machine keeps its interpreter is nobody's business.
    for prefix in {sys.prefix, sys.base_prefix}:
        svg = svg.replace(prefix, "/opt/hopx-tui/environment/for/python"[: len(prefix)])
    (FOLDER / f"{name}.svg").write_text(svg)


def text_of(app: HopxApp) -> str:
    """The screen as text."""
    return re.sub(r"<[^>]+>", "", app.export_screenshot()).replace("&#160;", " ")


async def walk(app: HopxApp, pilot: Pilot[None], size: str, warm: float) -> None:
    """Through all views."""
    await until(lambda: "web-scraper" in text_of(app))
    for _ in range(8):
        row = app.screen.query_one(SandboxView).row
        if row is not None and row.label == "web-scraper":
            break
        await pilot.press("up")
    await asyncio.sleep(warm)
    save(app, f"fleet-{size}")
    await pilot.press("enter")
    if size == "80x24":
        await asyncio.sleep(1)
        save(app, f"overview-{size}")
    await pilot.press("3")
    await until(lambda: "README.md" in text_of(app))
    await pilot.press("down")
    await pilot.press("right")
    await until(lambda: "report.py" in text_of(app))
    await pilot.press("right")
    await until(lambda: "csv.reader" in text_of(app))
    await asyncio.sleep(0.5)
    save(app, f"files-{size}")
    await pilot.press("escape", "4")
    await until(lambda: "COMMAND" in text_of(app))
    await asyncio.sleep(3)
    save(app, f"processes-{size}")
    for program, mark, leave in (("htop", "F10", ["q"]), ("vim src/report.py", "csv.reader", [*":q!", "enter"])):
        await pilot.press("s")
        await until(lambda: "workspace" in text_of(app) or "src" in text_of(app))
        await asyncio.sleep(0.5)
        await type_text(pilot, program)
        if shutil.which(program.split()[0]):
            await until(lambda mark=mark: mark in text_of(app))
            await asyncio.sleep(1.5)
            save(app, f"terminal-{program.split()[0]}-{size}")
            await pilot.press(*leave)
        await asyncio.sleep(0.5)
        await pilot.press("ctrl+right_square_bracket", "escape")
    await pilot.press("n")
    await until(lambda: "New sandbox" in text_of(app))
    await asyncio.sleep(0.5)
    save(app, f"create-{size}")
    await pilot.press("escape", "question_mark")
    await until(lambda: "Keys that work here" in text_of(app))
    save(app, f"help-{size}")
    await pilot.press("escape")


async def type_text(pilot: Pilot[None], text: str) -> None:
    """Type a line."""
    keys = {" ": "space", "/": "slash", ".": "full_stop", "!": "exclamation_mark", ":": "colon"}
    await pilot.press(*(keys.get(character, character) for character in text), "enter")


def main() -> None:
    """Everything, in a state directory of its own."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        env = os.environ | {"HOPX_TUI_STATE_DIR": str(home / "state"), "HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        env.pop("HOPX_API_KEY", None)
        engine = [sys.executable, "-m", "hopx_tui.engine"]
        started = subprocess.run([*engine, "start", "--json"], env=env, check=True, capture_output=True, text=True)
        address = json.loads(started.stdout)
        settings = resolve({"local": True}, env, home)
        try:
            asyncio.run(shoot_all(settings, Preferences(settings.preferences), address))
        finally:
            subprocess.run([*engine, "stop", "--force"], env=env, check=False, capture_output=True)
    if shutil.which("rsvg-convert"):
        head = ["rsvg-convert", "-w", "1600", str(FOLDER / "fleet-160x45.svg"), "-o", str(FOLDER / "fleet.png")]
        subprocess.run(head, check=True)


async def shoot_all(settings: Settings, preferences: Preferences, address: dict[str, str]) -> None:
    """Fill the engine, then one run of the dashboard for each size."""
    async with ControlPlane(address["url"], address["api_key"]) as control:
        await fill(control, preferences.set_name)
    for size, cells in SIZES.items():
        await shoot(HopxApp(settings, preferences, opener(address)), size, cells)


def opener(address: dict[str, str]) -> Callable[[], Awaitable[tuple[str, str]]]:
    """The source is up already."""

    async def open_source() -> tuple[str, str]:
        return address["url"], address["api_key"]

    return open_source


async def shoot(app: HopxApp, size: str, cells: tuple[int, int]) -> None:
    """One run of the dashboard."""
    async with app.run_test(size=cells) as pilot:
        await walk(app, pilot, size, warm=50.0 if size != "80x24" else 10.0)


if __name__ == "__main__":
    main()
