"""A remote terminal in a pane: shows an emulated screen and gives every key but one chord to the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual import events
from textual.geometry import Offset, Size
from textual.reactive import reactive
from textual.strip import Strip
from textual.timer import Timer

from hopx_tui.vt.keys import encode_focus, encode_key, encode_paste
from hopx_tui.vt.reports import Bell, Clipboard, Title
from hopx_tui.vt.screen import VTScreen
from hopx_tui.widgets.terminal_canvas import Canvas, Inks
from hopx_tui.widgets.terminal_chord import CHORDS, ChordAction, ChordKeys
from hopx_tui.widgets.terminal_direct import DirectPaint
from hopx_tui.widgets.terminal_frames import FramePacer, paint_now
from hopx_tui.widgets.terminal_link import Connect, LinkRole
from hopx_tui.widgets.terminal_messages import TerminalMessages
from hopx_tui.widgets.terminal_notes import Notes
from hopx_tui.widgets.terminal_pointer import Pointer, PointerPane, Reaction
from hopx_tui.widgets.terminal_render import printable
from hopx_tui.widgets.terminal_retries import Retries
from hopx_tui.widgets.terminal_scroll import ScrollMode, ScrollOutcome
from hopx_tui.widgets.terminal_selection import Point, Selection, link_at
from hopx_tui.widgets.terminal_session import Borrower, Session
from hopx_tui.widgets.terminal_state import (
    Connected,
    Connecting,
    Exited,
    Lost,
    TerminalState,
)
from hopx_tui.widgets.terminal_surface import Surface
from hopx_tui.widgets.terminal_view import Viewport

__all__ = ["CHORDS", "Terminal"]

RESIZE_SECONDS = 0.05
HINT_SECONDS = 2.5
TITLE_CHARACTERS = 256


class Terminal(TerminalMessages, PointerPane, can_focus=True):
    """One remote terminal.

    Args:
        connect: opens a link of a size in cells; called on mount, and again when the person presses enter
            after an exit or a lost link.
        lost_errors: exceptions of the link that mean "refused or dropped", besides `LinkLost`; their text is
            shown as the reason. Any other exception is a bug and ends the app.
        chord: the one key kept from the program, like ``ctrl+]``; pressed twice it is sent.
        chords: keys after the chord that the owner answers, with their meaning.
        fps: frames per second at most.
        surface: the outer terminal; without one the cursor is drawn as a cell, and all else by Textual.
        ascii_only: write the pane's own notes in ASCII (the program's text stays what it is).
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {  # noqa: RUF012  (Textual's own declaration)
        "terminal--note",
        "terminal--problem",
        "terminal--selection",
        "terminal--match",
        "terminal--current-match",
    }
    DEFAULT_CSS = """
    Terminal {
        width: 1fr;
        height: 1fr;
        background: $background;
        color: $foreground;
        & > .terminal--note { background: $primary; color: $text; }
        & > .terminal--problem { background: $error; color: $text; }
        & > .terminal--selection { background: $accent; color: $background; }
        & > .terminal--match { background: $warning 60%; color: $background; }
        & > .terminal--current-match { background: $warning; color: $background; text-style: bold; }
    }
    """

    state: reactive[TerminalState] = reactive[TerminalState](Connecting, init=False)
    """Connecting, Connected, Exited or Lost."""

    def __init__(
        self,
        connect: Connect,
        *,
        lost_errors: tuple[type[Exception], ...] = (),
        chord: str = "ctrl+]",
        chords: Mapping[str, str] = CHORDS,
        fps: int = 60,
        surface: Surface | None = None,
        ascii_only: bool = False,
        history_rows: int = 10_000,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        self.vt = VTScreen(80, 24, history_rows=history_rows)
        self.viewport = Viewport(self.vt)
        self.picked = Selection(self.viewport)
        super().__init__(Pointer(self.vt, self.viewport, self.picked), id=id, classes=classes)
        self.read_only = False
        self.watching = False
        """What is typed does not reach the program: somebody else types, or nobody is to."""
        self._watched: tuple[int, int] | None = None
        self._window: tuple[int, int] | None = None
        self._session = Session(
            connect, lost_errors, self.vt, on_state=self._set_state, on_output=self._output, on_role=self._take_role
        )
        self._chord = ChordKeys(chord, chords)
        self._surface = surface
        self._notes = Notes(self._chord, ascii_only=ascii_only)
        self._frames = FramePacer(self._paint, lambda: bool(self.vt.modes.sync), fps=fps)
        self._canvas = Canvas(self.vt, self.viewport, self.picked)
        self._direct = None if surface is None else DirectPaint(self, self._canvas, surface)
        self._inks: Inks | None = None
        self._sized = False
        self._resized: Callable[[int, int], None] | None = None
        self._on_view = True
        self._stirred = False
        self._scroll: ScrollMode | None = None
        self._hint_timer: Timer | None = None
        self._retries = Retries(self.set_timer, self._retry)
        self._resize_timer: Timer | None = None

    # ------------------------------------------------------------------ what the owner calls

    @property
    def chord_pending(self) -> bool:
        """Whether the chord was pressed and its key is awaited."""
        return self._notes.chord_pending

    @property
    def scrolling(self) -> bool:
        """Whether scroll mode is on."""
        return self._scroll is not None

    @property
    def is_connected(self) -> bool:
        """Whether a program listens."""
        return isinstance(self.state, Connected)

    @property
    def kept(self) -> bool:
        """Whether the shell outlives the link, so that connecting again finds it."""
        return self._session.kept

    @property
    def idle(self) -> bool:
        """Whether all output received so far is on the emulated screen."""
        return self._session.pending == 0

    def send(self, text: str) -> None:
        """Send text to the program as if typed; what is typed while connecting is sent after it."""
        if not self._session.send(text):
            self.hint("not sent: the far side does not read")

    def record(
        self, tap: Callable[[str], None] | None, resized: Callable[[int, int], None] | None = None
    ) -> None:
        """Hand every piece of raw output to ``tap`` as it arrives, new sizes to ``resized``; None stops that."""
        self._session.tap = tap
        self._resized = resized

    def lend(self, borrower: Borrower, columns: int, lines: int) -> None:
        """Give the program another window of that size for a while; `give_back` ends it."""
        self._session.borrower = borrower
        self.resize_program(columns, lines)

    def resize_program(self, columns: int, lines: int) -> None:
        """Another size than the pane's, while it is lent."""
        self.vt.resize(lines, columns)
        self._session.resize(columns, lines)

    def give_back(self) -> None:
        """The pane is the program's window again."""
        self._session.borrower = None
        self._window = None
        self._take_size()
        self._repaint()

    def paste(self, text: str) -> None:
        """Send text as a paste (bracketed where the program asked for it)."""
        self._send_bytes(encode_paste(text, self.vt.modes))

    def reconnect(self) -> None:
        """Open a new link in the same pane; what the screen shows moves up and stays."""
        self._start()

    def set_obstacle(self, sentence: str | None) -> None:
        """Why a lost or ended terminal cannot be opened again now (one printable line); None: it can."""
        if sentence != self._notes.obstacle:
            self._notes.obstacle = sentence
            self._repaint()
            if isinstance(self.state, Lost) and self.kept:
                if sentence is None:
                    self.reconnect()
                else:
                    self._retries.cancel()
                    self.state = Lost(self.state.reason)

    def hint(self, text: str) -> None:
        """Show a short line at the pane's lower edge for a moment."""
        self._notes.hint = text
        if self._hint_timer is not None:
            self._hint_timer.stop()
        self._hint_timer = self.set_timer(HINT_SECONDS, self._end_hint)
        self._repaint()

    def enter_scroll_mode(self, *, search: bool = False) -> None:
        """Let keys move through the scrollback, search and pick text until left."""
        if self._scroll is None:
            view = self.viewport
            at = Point(min(view.live_top + self.vt.cursor.y, view.top + self.size.height - 1), 0)
            self._scroll = ScrollMode(
                self.viewport,
                self.picked,
                at,
                height=lambda: min(self.vt.lines, self.size.height),
                width=lambda: self.vt.columns,
            )
        if search:
            self._scroll.begin_search()
        self._repaint()

    def leave_scroll_mode(self) -> None:
        """Back to the live screen."""
        self._scroll = None
        self.picked.clear()
        self.viewport.follow()
        self._repaint()

    # ------------------------------------------------------------------ link

    def _start(self) -> None:
        self._retries.cancel()
        self._watched = None
        self._take_size()
        self.run_worker(self._session.run(), name="terminal", group="terminal", exclusive=True)

    def _set_state(self, state: TerminalState) -> None:
        if isinstance(state, Connected):
            self._retries.forget()
        elif isinstance(state, Lost) and self.kept and self._notes.obstacle is None:
            state = Lost(state.reason, self._retries.schedule())
        self.state = state

    def _retry(self) -> None:
        if isinstance(self.state, Lost) and self._notes.obstacle is None:
            self.reconnect()

    def _take_role(self, role: LinkRole) -> None:
        watched = None if role.writer else role.size
        if watched != self._watched:
            self._watched = watched
            self._take_size()
        if self.watching is role.writer:
            self.watching = not role.writer
            self._end_hint()
            self.post_message(self.RoleChanged(self, role.writer))

    def watch_state(self, state: TerminalState) -> None:
        """Repaint the note and tell the owner."""
        self._repaint()
        self.post_message(self.StateChanged(self, state))

    def _output(self) -> None:
        bell = False
        title: str | None = None
        copied: str | None = None
        for event in self.vt.take_events():
            match event:
                case Bell():
                    bell = True
                case Title(text):
                    title = text
                case Clipboard(text=text):
                    copied = text
        if title is not None:
            self.post_message(self.TitleChanged(self, printable(title)[:TITLE_CHARACTERS]))
        if copied is not None:
            self.post_message(self.CopyRequested(self, copied, from_program=True))
        if bell:
            self.post_message(self.Rang(self))
        if self._on_view:
            self._frames.request()
        elif not self._stirred:
            self._stirred = True
            self.post_message(self.Stirred(self))

    def _send_bytes(self, data: bytes | None) -> None:
        if data and self.watching:
            self.hint(f"watching only · {self._chord.label} t takes over")
        elif data and not self.read_only:
            self._frames.key_pressed()
            self.send(_as_text(data))

    # ------------------------------------------------------------------ keys

    def on_key(self, event: events.Key) -> None:
        """Give the key to the program, unless it is the chord or follows it."""
        event.stop()
        event.prevent_default()
        if self._notes.chord_pending:
            self._after_chord(event)
        elif self._chord.starts(event.key):
            self._await_chord(True)
        elif self._scroll is not None:
            self._scroll_key(event)
        elif isinstance(self.state, Exited | Lost):
            if event.key == "enter":
                self.reconnect()
        else:
            self._type(event)

    def type_now(self, event: events.Key) -> bool:
        """Give a key to the program without an event; False, and nothing done, where it means something to the pane."""
        if self._notes.chord_pending or self._chord.starts(event.key) or self._scroll is not None:
            return False
        if not isinstance(self.state, Connected):
            return False
        self._type(event)
        return True

    def _type(self, event: events.Key) -> None:
        self._send_bytes(encode_key(event.key, event.character, self.vt.modes))
        self._to_live_screen()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text goes to the program."""
        event.stop()
        event.prevent_default()
        if isinstance(self.state, Connected | Connecting) and self._scroll is None:
            self._to_live_screen()
            self.paste(event.text)

    def _to_live_screen(self) -> None:
        moved = self.viewport.follow()
        if self.picked.clear() or moved:
            self._repaint()

    def _await_chord(self, pending: bool) -> None:
        self._notes.chord_pending = pending
        self.post_message(self.ChordPending(self, pending))
        self._repaint()

    def _after_chord(self, event: events.Key) -> None:
        self._await_chord(False)
        meaning = self._chord.meaning(event.key, event.character)
        match meaning.action:
            case ChordAction.SEND_CHORD:
                self._to_live_screen()
                self._send_bytes(encode_key(event.key, event.character, self.vt.modes))
            case ChordAction.LEAVE:
                self.post_message(self.Left(self))
            case ChordAction.SCROLL | ChordAction.SEARCH:
                self.enter_scroll_mode(search=meaning.action is ChordAction.SEARCH)
            case ChordAction.OWNER:
                self.post_message(self.Chord(self, meaning.key))
            case _:
                self.hint(self._chord.unknown(printable(meaning.key)))

    def _scroll_key(self, event: events.Key) -> None:
        if self._scroll is None:
            return
        outcome = self._scroll.key(event.key, event.character)
        if outcome is ScrollOutcome.COPY:
            self._copy()
        if outcome is ScrollOutcome.FOLLOW:
            self._follow(self._scroll.at)
        elif outcome is not ScrollOutcome.STAY:
            self.leave_scroll_mode()
        self._repaint()

    def _copy(self) -> None:
        text = self.picked.text()
        if text:
            self.post_message(self.CopyRequested(self, text, from_program=False))

    def _follow(self, at: Point) -> None:
        link = link_at(self.viewport, at)
        if link is None:
            self.hint("no link here")
        else:
            self.post_message(self.LinkFollowed(self, link))

    # ------------------------------------------------------------------ mouse and focus

    @property
    def program_listens(self) -> bool:
        """Whether the program may have events of the mouse: not while the person looks at history."""
        live = self._scroll is None and self.viewport.behind == 0
        return live and isinstance(self.state, Connected) and not self.read_only and not self.watching

    def react(self, data: bytes | None, reaction: Reaction) -> None:
        """Act on an event of the mouse."""
        self._send_bytes(data)
        if reaction is Reaction.COPY:
            self._copy()
        elif reaction is Reaction.FOLLOW:
            self._follow(self._pointer.clicked)
        elif reaction is Reaction.REPAINT:
            self._repaint()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Tell the program if it asked; show or hide the cursor; a chord that waits for its key is over."""
        super().watch_has_focus(has_focus)
        if not self.watching:
            self._send_bytes(encode_focus(has_focus, self.vt.modes))
        if self._notes.chord_pending and not has_focus:
            self._await_chord(False)
        self._repaint()

    # ------------------------------------------------------------------ life

    def on_mount(self) -> None:
        """Follow what decides whether the cursor shows: another screen on top of this one."""
        self.watch(self.screen, "stack_updates", self._screen_moved, init=False)

    def on_unmount(self) -> None:
        """Nothing is painted any more; the worker's end hangs up."""
        self._frames.cancel()
        self._retries.cancel()
        if self._surface is not None:
            self._surface.hide(self)

    def on_show(self) -> None:
        """Paint again, from the present screen."""
        self._on_view = True
        self._stirred = False
        self._repaint()

    def on_hide(self) -> None:
        """Go on parsing, stop painting."""
        self._on_view = False
        self._frames.cancel()
        self._place_cursor()

    def _screen_moved(self) -> None:
        self.call_later(self._repaint)

    def on_resize(self, event: events.Resize) -> None:
        """Take the first size at once and connect; later ones after they stopped changing."""
        if not self.size:
            return
        if not self._sized:
            self._sized = True
            self._take_size()
            self._start()
        elif self._resize_timer is None:
            self._resize_timer = self.set_timer(RESIZE_SECONDS, self._take_size)
        else:
            self._resize_timer.reset()

    def _take_size(self) -> None:
        self._resize_timer = None
        if not self.size:
            return
        window = self.size.width, self.size.height
        self.viewport.height = self.size.height
        if window != self._window:
            self._window = window
            self._session.resize(*window)
        columns, lines = self._watched or window
        if (columns, lines) == (self.vt.columns, self.vt.lines):
            return
        top, place = self.viewport.top, self.viewport.place if self.viewport.behind else None
        self.vt.resize(lines, columns)
        self.picked.clear()
        self.viewport.follow()
        if place is not None:
            self.viewport.go_to_place(place)
        if self._scroll is not None:
            self._scroll.resized(self.viewport.top - top)
        if self._resized is not None:
            self._resized(columns, lines)
        self._repaint()

    def _end_hint(self) -> None:
        self._notes.hint = None
        self._repaint()

    # ------------------------------------------------------------------ painting

    def notify_style_update(self) -> None:
        """The theme changed: default colours are others now."""
        super().notify_style_update()
        self._inks = None
        if self._direct is not None:
            self._direct.forget()

    def _repaint(self) -> None:
        """Everything, because something is laid over the text or taken away."""
        self._canvas.move_cursor(self._drawn_cursor())
        self.refresh()
        self._place_cursor()

    def _paint(self) -> None:
        """One frame of output: repaint the lines that changed."""
        if not self._on_view or not self.is_attached:
            return
        if self._paint_directly():
            return
        regions = self._canvas.changed(*self.size, self._drawn_cursor())
        self._place_cursor()
        if regions:
            self.refresh(*regions)
            paint_now(self)

    def _paint_directly(self) -> bool:
        if self._direct is None:
            return False
        bare = self._scroll is None and not self.picked.active and not self.viewport.behind
        bare = bare and not self._notes.lower(None, self.state)[0]
        size = Size(self.vt.columns, self.vt.lines)
        return self._direct.paint(self._inks_now, size, bare=bare, place_cursor=self._place_cursor)

    def _cursor_cell(self) -> tuple[int, int] | None:
        """The pane's cell where a cursor belongs, None where none does."""
        if not (self.has_focus and self.is_attached and self.screen.is_active and self._on_view):
            return None
        if self._scroll is not None:
            x, y = self._scroll.at.column, self._scroll.at.line - self.viewport.top
        elif self.viewport.behind or not self.vt.cursor_visible or not isinstance(self.state, Connected):
            return None
        else:
            x, y = min(self.vt.cursor.x, self.vt.columns - 1), self.vt.cursor.y - self.viewport.cut
        return (x, y) if x < self.size.width and 0 <= y < self.size.height else None

    def _drawn_cursor(self) -> tuple[int, int] | None:
        return self._cursor_cell() if self._surface is None else None

    def _place_cursor(self, origin: Offset | None = None) -> None:
        """`origin`: the cell where the pane begins, if that is known."""
        cell = self._cursor_cell()
        if cell is not None:
            place = (origin or self.content_region.offset) + cell
            self.app.cursor_position = place
            if self._surface is not None:
                shape = 0 if self._scroll is not None else self.vt.cursor_shape
                self._surface.show(self, *place, shape)
        elif self._surface is not None:
            self._surface.hide(self)

    @property
    def _inks_now(self) -> Inks:
        if self._inks is None:
            self._inks = Inks.of(self)
            self._inks.tell(self.vt.colours)
        return self._inks

    def render_line(self, y: int) -> Strip:
        """Line ``y`` of the pane."""
        inks = self._inks_now
        strip = self._canvas.line(y, inks, self._scroll)
        width, height = self.size
        if strip.cell_length != width:  # another one's window is watched, or ours has just changed
            strip = strip.adjust_cell_length(width, inks.base)
        if y == height - 1:
            text, problem = self._notes.lower(self._scroll, self.state)
            strip = self._canvas.lay(strip, width, text, inks.problem if problem else inks.note)
        if y == 0:
            strip = self._canvas.lay(strip, width, self._notes.upper(self.viewport.behind), inks.note)
        return strip


def _as_text(data: bytes) -> str:
    """Keys are UTF-8; only old mouse reports beyond column 95 are not, which the link has no way to carry."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
