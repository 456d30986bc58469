"""What a terminal pane tells its owner."""

from __future__ import annotations

from textual.message import Message
from textual.widget import Widget

from hopx_tui.widgets.terminal_state import TerminalState

__all__ = ["TerminalMessages"]


class FromTerminal(Message):
    """What all messages of a terminal carry."""

    def __init__(self, terminal: Widget) -> None:
        super().__init__()
        self.terminal = terminal

    @property
    def control(self) -> Widget:
        """The pane that sent it (`@on` selectors match it)."""
        return self.terminal


class TerminalMessages:
    """The messages, reached as `Terminal.Left` and so on; handlers are named `on_terminal_left`."""

    class StateChanged(FromTerminal, namespace="terminal"):
        """The link's state is another one now."""

        def __init__(self, terminal: Widget, state: TerminalState) -> None:
            super().__init__(terminal)
            self.state = state

    class TitleChanged(FromTerminal, namespace="terminal"):
        """The program set its title (printable, at most 256 characters)."""

        def __init__(self, terminal: Widget, title: str) -> None:
            super().__init__(terminal)
            self.title = title

    class Stirred(FromTerminal, namespace="terminal"):
        """The program wrote something while nobody could see it (told once until it is shown again)."""

    class Rang(FromTerminal, namespace="terminal"):
        """The program rang the bell (many in one burst are told once)."""

    class ChordPending(FromTerminal, namespace="terminal"):
        """The chord was pressed and a key is awaited (``pending``), or no longer."""

        def __init__(self, terminal: Widget, pending: bool) -> None:
            super().__init__(terminal)
            self.pending = pending

    class Chord(FromTerminal, namespace="terminal"):
        """A key after the chord that the owner answers; one of ``chords``."""

        def __init__(self, terminal: Widget, key: str) -> None:
            super().__init__(terminal)
            self.key = key

    class Left(FromTerminal, namespace="terminal"):
        """The person left by the chord; the owner moves the focus."""

    class CopyRequested(FromTerminal, namespace="terminal"):
        """Text is to reach the person's clipboard; ``from_program``: asked for by OSC 52, policy applies."""

        def __init__(self, terminal: Widget, text: str, from_program: bool) -> None:
            super().__init__(terminal)
            self.text = text
            self.from_program = from_program

    class LinkFollowed(FromTerminal, namespace="terminal"):
        """The person wants to go where a link leads (http, https, file or mailto; printable)."""

        def __init__(self, terminal: Widget, url: str) -> None:
            super().__init__(terminal)
            self.url = url

    class RoleChanged(FromTerminal, namespace="terminal"):
        """In a kept session another client types now, or this one does (``writer``)."""

        def __init__(self, terminal: Widget, writer: bool) -> None:
            super().__init__(terminal)
            self.writer = writer
