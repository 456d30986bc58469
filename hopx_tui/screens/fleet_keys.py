"""The keys of the fleet screen, declared once: footer, help, command line and README are derived from them."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from hopx_tui.widgets.keys import Key

FLEET_KEYS: list[BindingType] = [
    Key("n", "create", "new", id="fleet.new", dangerous=True, tooltip="Create a sandbox."),
    Key("s", "shell", "shell", id="fleet.shell", dangerous=True, tooltip="Open the sandbox's terminal."),
    Key("p", "pause", "pause", id="fleet.pause", dangerous=True, tooltip="Pause the sandbox, or let it go on."),
    Key("r", "start_menu", "start/stop", id="fleet.start", dangerous=True, tooltip="Start, stop or restart it."),
    Key("plus", "extend", "extend", id="fleet.extend", dangerous=True,
        tooltip="Set how long it lives from now on."),
    Key("ctrl+d,f8", "kill", "kill", id="fleet.kill", dangerous=True,
        tooltip="Kill the sandbox, or all marked ones, after a question."),
    Key("slash", "filter", "filter", id="fleet.filter",
        tooltip="Filter the list while you type; ! inverts, ~ is fuzzy, key:value looks at one field."),
    Key("f", "zoom", "zoom", id="fleet.zoom", tooltip="Give the sandbox the whole width, or give it back."),
    Key("1", "tab(1)", "tabs", id="fleet.tabs", show=False, key_display="1-9",
        tooltip="Go to the tab of that number."),
    *(Binding(str(digit), f"tab({digit})", show=False) for digit in range(2, 10)),
    Key("left_square_bracket", "turn(-1)", "previous tab", id="fleet.previous", show=False,
        tooltip="Go to the tab before."),
    Key("right_square_bracket", "turn(1)", "next tab", id="fleet.next", show=False,
        tooltip="Go to the next tab."),
    Key("minus", "last_tab", "last view", id="fleet.last", show=False,
        tooltip="Go back to the tab before this one."),
    Key("d", "describe", "describe", id="fleet.describe", show=False, tooltip="Show what this sandbox is."),
    Key("y", "raw", "json", id="fleet.raw", show=False, tooltip="Show the sandbox as the API tells it."),
    Key("l", "events", "events", id="fleet.events", show=False,
        tooltip="List what happened: actions, failures in full, changes that were noticed."),
    Key("c", "copy", "copy id", id="fleet.copy", show=False, tooltip="Copy the sandbox's id."),
    Key("e", "rename", "rename", id="fleet.rename", show=False,
        tooltip="Give the sandbox a name, kept on this machine."),
    Key("ctrl+r", "refresh", "refresh", id="fleet.refresh", show=False, tooltip="Ask for everything now."),
    Key("ctrl+l", "app.redraw", "repaint", id="fleet.repaint", show=False, tooltip="Draw the whole screen anew."),
    Key("colon,ctrl+p", "command", "command", id="fleet.command",
        tooltip="Find and run any action by its name."),
    Key("question_mark,f1", "help", "help", id="fleet.help", show=False,
        tooltip="Show the keys that work here."),
    Key("tab", "app.focus_next", "next", id="fleet.focus_next", show=False,
        tooltip="Move the keyboard to the next part."),
    Key("shift+tab", "app.focus_previous", "previous", id="fleet.focus_previous", show=False,
        tooltip="Move the keyboard to the part before."),
    Key("escape", "back", "back", id="fleet.back", show=False, tooltip="Go back one level."),
    Key("q", "quit", "back/quit", id="fleet.quit", show=False,
        tooltip="Go back one level; at the list, leave after a question."),
    Key("ctrl+q", "app.quit", "quit", id="fleet.quit_now", show=False,
        tooltip="Leave at once; sandboxes go on running."),
]  # fmt: skip
