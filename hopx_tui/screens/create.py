"""The form for a new sandbox: everything has a default, enter creates."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Static

from hopx_tui import format as fmt
from hopx_tui.api.models import Template
from hopx_tui.live.fleet import CreateSpec
from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.dialog import Dialog
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.scrollbar import draw_scrollbars_as_lines
from hopx_tui.widgets.virtual_table import VirtualTable

_UNITS = {"": 60, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_LONGEST = 366 * 86_400
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class NewSandbox:
    """What the form gives back: the spec for the API, and the name that is kept here."""

    name: str
    spec: CreateSpec


class _Tick(Checkbox):
    """`[x]` or `[ ]`: the two differ without colours too, and in ASCII."""

    @property
    def _button(self) -> Content:
        # Textual's own looks the same in both states but for its colours.
        return Content.assemble(("[x]" if self.value else "[ ]", self.get_visual_style("toggle--button")))


class CreateDialog(Dialog[NewSandbox | None]):
    """Template, name, timeout, internet, environment."""

    TITLE = "New sandbox"
    DEFAULT_CSS = """
    CreateDialog {
        & #dialog { width: 104; }
        & #body { height: auto; }
        & #templates { height: auto; min-height: 2; max-height: 8; background: $surface; }
        & .row { height: 1; margin: 1 0 0 0; }
        & .row Label { width: 13; color: $text-muted; }
        & Input { height: 1; border: none; padding: 0 1; background: $panel; width: 1fr; &:focus { border: none; } }
        & Checkbox { height: 1; border: none; padding: 0 1; background: transparent; &:focus { border: none; } }
        & #problem { height: auto; min-height: 1; color: $error; }
        & .note { color: $text-muted; height: auto; margin: 0 0 0 13; }
        & #dialog.-low .row { margin: 0; }
        & #dialog.-low #templates { max-height: 4; }
        & #dialog.-low .note { display: none; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("ctrl+s", "create", "create", id="create.create", show=False, tooltip="Create the sandbox."),
    ]
    CHROME = 7
    LOW = 26

    def __init__(
        self,
        templates: Sequence[Template],
        *,
        template: str | None,
        timeout_seconds: int | None,
        internet: bool | None = True,
        notes: Sequence[str] = (),
    ) -> None:
        """`internet` None: cutting it off is not possible here, and why is in `notes`."""
        super().__init__("New sandbox")
        self._templates = list(templates)
        self._template = template
        self._timeout = timeout_seconds
        self._internet = internet
        self._notes = tuple(notes)

    def compose_body(self) -> Iterable[Widget]:
        """The fields."""
        table: VirtualTable[Template] = VirtualTable(
            (
                Column("name", "TEMPLATE", 18, cell=lambda t: (t.name, "" if _usable(t) else "faint")),
                Column("about", "", None, cell=_about),
                Column("size", "", 14, align="right", priority=1, cell=lambda t: (_resources(t), "faint")),
            ),
            lambda t: t.name,
            id="templates",
            show_header=False,
            markable=False,
            empty="The source offers no templates.",
        )
        table.set_rows(self._templates)
        with VerticalScroll(id="body", can_focus=False):
            with Horizontal(classes="row"):
                yield Label("name")
                yield Input(suggest_name(), id="name", max_length=64)
            yield Static("", classes="gap")
            yield table
            with Horizontal(classes="row"):
                yield Label("timeout")
                yield Input(
                    fmt.duration(self._timeout).replace(" ", "") if self._timeout else "",
                    placeholder="none; 30m, 2h, 1d ..." if ascii_only(self.app) else "none; 30m, 2h, 1d …",
                    id="timeout",
                )
            with Horizontal(classes="row"):
                yield Label("internet")
                yield _Tick(
                    "allowed", self._internet is not False, id="internet", disabled=self._internet is None, compact=True
                )
            with Horizontal(classes="row"):
                yield Label("environment")
                yield Input(placeholder="NAME=value OTHER='two words'", id="env")
            for note in self._notes:
                yield Static(fmt.printable(note), classes="note", markup=False)
        yield Static("", id="problem", markup=False)

    def compose_buttons(self) -> Iterable[FlatButton]:
        """Cancel and create."""
        yield FlatButton("Cancel", id="cancel")
        yield FlatButton("Create", id="create")

    def on_mount(self) -> None:
        """The name has the keyboard: enter creates, typing renames."""
        super().on_mount()
        draw_scrollbars_as_lines(self.query_one("#body"))
        table = self.query_one("#templates", VirtualTable)
        names = [template.name for template in self._templates if _usable(template)]
        wanted = self._template if self._template in names else next(iter(names), None)
        if wanted is not None:
            table.select(wanted)
        name = self.query_one("#name", Input)
        name.focus()
        name.action_select_all()

    @on(Input.Submitted)
    @on(VirtualTable.Opened)
    def _submitted(self) -> None:
        self.action_create()

    @on(FlatButton.Pressed, "#create")
    def _pressed_create(self) -> None:
        self.action_create()

    @on(FlatButton.Pressed, "#cancel")
    def _pressed_cancel(self) -> None:
        self.answer(None)

    def action_create(self) -> None:
        """Check the fields; close with what they say, or say what is wrong."""
        template = self.query_one("#templates", VirtualTable).cursor_row
        try:
            if template is None:
                raise ValueError("No template can be chosen.")
            if not _usable(template):
                raise ValueError(
                    f"{template.name} cannot be used here: {template.unavailable_reason or template.status}"
                )
            spec = CreateSpec(
                template=template.name,
                timeout_seconds=parse_timeout(self.query_one("#timeout", Input).value),
                internet_access=self.query_one("#internet", Checkbox).value,
                env_vars=parse_env(self.query_one("#env", Input).value),
            )
        except ValueError as error:
            self.query_one("#problem", Static).update(fmt.printable(str(error)))
            return
        self.answer(NewSandbox(self.query_one("#name", Input).value.strip(), spec))


def parse_timeout(text: str) -> int | None:
    """Seconds of `90m`, `2h`, `1h30m`, `45` (minutes); None for an empty text. Raises ValueError with a sentence."""
    text = text.strip().lower().replace(" ", "")
    if text in ("", "none", "never"):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no time: write 30m, 2h, 1d or leave it empty.")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds < 1:
        raise ValueError("A timeout of nothing would kill it at once: leave the field empty for none.")
    if seconds > _LONGEST:
        raise ValueError("That is more than a year: leave the field empty for no timeout.")
    return round(seconds)


def parse_env(text: str) -> dict[str, str]:
    """`NAME=value` words, quoted as in a shell. Raises ValueError with a sentence."""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("The environment has a quote that is not closed.") from None
    variables: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _VARIABLE.match(name):
            raise ValueError(f"{fmt.truncate(name, 20)!r}: variables are written NAME=value.")
        variables[name] = value
    return variables


_FIRST = ("amber", "brisk", "calm", "clear", "eager", "fleet", "green", "keen", "light", "lucid", "quiet", "swift")
_SECOND = ("birch", "brook", "cedar", "crane", "finch", "heron", "lark", "maple", "otter", "raven", "reef", "wren")


def suggest_name() -> str:
    """A name that is easy to say; the API has none, it is kept on this machine."""
    return f"{random.choice(_FIRST)}-{random.choice(_SECOND)}"


def _usable(template: Template) -> bool:
    return template.is_active and template.unavailable_reason is None


def _about(template: Template) -> tuple[str, str]:
    if template.unavailable_reason:
        return (template.unavailable_reason, "faint")
    return (template.description or template.display_name, "muted")


def _resources(template: Template) -> str:
    r = template.default_resources
    return f"{r.vcpu} vCPU {fmt.size(r.memory_mb * 2**20)}" if r is not None else ""
