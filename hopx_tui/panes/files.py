"""The files of a sandbox: one directory at a time, a preview beside it, transfers below."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError, NotFound
from hopx_tui.api.models import FileInfo, RemotePath
from hopx_tui.live.poll import Reading
from hopx_tui.panes import remote_path as rp
from hopx_tui.panes.base import Pane, sentence
from hopx_tui.panes.file_columns import file_columns, in_order
from hopx_tui.panes.preview import Preview
from hopx_tui.panes.transfers import Transfers
from hopx_tui.widgets.dialogs import ConfirmDialog, InputDialog, local_paths
from hopx_tui.widgets.filter_line import FilterLine
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.virtual_table import VirtualTable

HOME = "/workspace"


class FilesPane(Pane):
    """Walk through directories, look into files, move them between the sandbox and this machine."""

    NAME = "Files"
    HELP = "The sandbox's files. Right opens, left goes up; marked entries are downloaded or deleted together."
    EVERY = 1.5

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("right,l", "enter", "open", id="files.open", show=False,
            tooltip="Open the folder, or look into the file."),
        Key("left,h,backspace", "up", "up", id="files.up", show=False, tooltip="Go to the folder above."),
        Key("D", "download", "download", id="files.download", tooltip="Copy the marked files to this machine."),
        Key("U", "upload", "upload", id="files.upload", dangerous=True,
            tooltip="Copy a file of this machine into this folder."),
        Key("a", "add", "new file", id="files.add", dangerous=True,
            tooltip="Make a file here, or with a trailing / a folder."),
        Key("ctrl+d,f8", "delete", "delete", id="files.delete", dangerous=True,
            tooltip="Delete the marked entries, after a question."),
        Key("slash", "filter", "filter", id="files.filter", tooltip="Filter this folder while you type."),
        Key("c", "copy", "copy path", id="files.copy", show=False, tooltip="Copy the path of the selected entry."),
        Key(".", "hidden", "hidden", id="files.hidden", show=False,
            tooltip="Show or hide names that begin with a dot."),
        Key("ctrl+x", "cancel_transfer", "cancel", id="files.cancel", show=False,
            tooltip="Cancel the transfer under way; nothing half-written stays."),
    ]  # fmt: skip

    DEFAULT_CSS = """
    FilesPane > #file-path { padding: 0 1; }
    FilesPane > Horizontal { height: 1fr; }
    FilesPane #file-table { width: 5fr; }
    FilesPane #file-preview { width: 6fr; border-left: vkey $border-blurred; }
    FilesPane.-ascii #file-preview { border-left: ascii $border-blurred; }
    FilesPane.-silent #file-preview { display: none; }
    FilesPane.-narrow #file-preview { display: none; border-left: none; width: 1fr; }
    FilesPane.-narrow.-reading #file-preview { display: block; }
    FilesPane.-narrow.-reading #file-table { display: none; }
    """

    def content(self) -> ComposeResult:
        self.directory: RemotePath = HOME
        self._places: dict[str, RemotePath] = {}
        self._show_hidden = True
        self._returning: RemotePath | None = None
        self._path = Line(id="file-path")
        self._table: VirtualTable[FileInfo] = VirtualTable(
            file_columns(), lambda entry: rp.raw(entry.address), haystack=lambda entry: entry.name, id="file-table"
        )
        self._filter = FilterLine(self._table, placeholder="filter: text  !not  ~fuzzy", id="file-filter")
        self._preview = Preview(id="file-preview")
        self._transfers = Transfers()
        yield self._path
        with Horizontal():
            yield self._table
            yield self._preview
        yield self._filter
        yield self._transfers

    def on_mount(self) -> None:
        self.set_class(ascii_only(self.app), "-ascii")

    def on_resize(self) -> None:
        """Narrow panes show the list or the preview, not both."""
        self.set_class(self.size.width < 66, "-narrow")

    # -- the pane's duties

    def say(self, text: str | None) -> None:
        self._table.message = text
        silent = text is not None and (self.unavailable() is not None or self.reading.error is not None)
        self.set_class(silent, "-silent")  # the sentence has the whole width
        if silent and self._preview.has_focus_within:
            self.leave_preview()
        if text is not None:
            self.remove_class("-reading")
            self._preview.clear()

    def reset(self) -> None:
        self._table.set_rows([])
        self._preview.clear()
        self.remove_class("-reading")
        row = self.row
        self.directory = self._places.get(row.id, HOME) if row is not None else HOME
        self._show_path()

    async def fetch(self) -> tuple[RemotePath, list[FileInfo]]:
        row, directory = self.row, self.directory
        agent = self.session.fleet.agent(row.id) if row is not None else None
        return directory, (await agent.list_files(directory) if agent is not None else [])

    def show(self, reading: Reading[Any]) -> None:
        directory, entries = reading.value or (self.directory, [])
        if directory != self.directory:
            return  # the answer to where we were before
        if reading.error is not None and isinstance(reading.error, NotFound):
            self._table.message = f"{rp.shown(directory)} is gone.\n\nh goes to the folder above"
            return
        shown = [entry for entry in entries if self._show_hidden or not entry.name.startswith(".")]
        self._table.set_rows(in_order(shown))
        self._table.stale = reading.stale
        self._table.message = None if shown else self._empty_text(len(entries))
        if self._returning is not None:
            self._table.select(rp.raw(self._returning))
            self._returning = None
        self._follow_cursor()
        self._show_path()

    def _empty_text(self, hidden: int) -> str:
        if hidden:
            return f"Only {fmt.count(hidden, 'hidden name', 'hidden names')} here.\n\n. shows them"
        ways_on = "" if self.context.readonly else "\n\na makes a file or folder\nU uploads one"
        return f"This folder is empty.{ways_on}"

    # -- moving

    def on_virtual_table_highlighted(self, message: VirtualTable.Highlighted) -> None:
        message.stop()
        self._follow_cursor()

    def on_virtual_table_opened(self, message: VirtualTable.Opened) -> None:
        message.stop()
        self.action_enter()

    def action_enter(self) -> None:
        """Into the folder, or to the preview."""
        entry = self._table.cursor_row
        if entry is None:
            return
        if entry.is_directory:
            self._go(entry.address)
        else:
            self.add_class("-reading")
            self._follow_cursor(at_once=True)
            self._preview.focus_content()

    def action_up(self) -> None:
        """Back from the preview, or to the folder above with the cursor on where we were."""
        if self._preview.has_focus_within:
            self.leave_preview()
            return
        above = rp.parent(self.directory)
        if rp.raw(above) != rp.raw(self.directory):
            self._returning = self.directory
            self._go(above)

    def leave_preview(self) -> bool:
        """Back to the list; False when the list has the keyboard already."""
        was_reading = self._preview.has_focus_within
        self.remove_class("-reading")
        self._table.focus()
        return was_reading

    def step_back(self) -> bool:
        return self.leave_preview() or self._filter.end()

    def action_filter(self) -> None:
        """Type a filter."""
        self._filter.begin()

    def focus_content(self) -> None:
        self._table.focus()

    def _go(self, directory: RemotePath) -> None:
        self.directory = directory
        if self.row is not None:
            self._places[self.row.id] = directory
        self._table.set_rows([])
        self._table.set_marks([])
        self._filter.end()
        self._table.message = "Reading the folder …"
        self._preview.clear()
        self.reading = Reading()
        self._show_path()
        self._restart()

    def action_hidden(self) -> None:
        """Names with a dot, or not."""
        self._show_hidden = not self._show_hidden
        if self.reading.value is not None:
            self.show(self.reading)

    def action_copy(self) -> None:
        """The path, for pasting."""
        if (entry := self._table.cursor_row) is not None:
            self.app.copy_to_clipboard(entry.path)

    def _show_path(self) -> None:
        marked = len(self._table.marked)
        note = f"{fmt.count(marked, 'marked', 'marked')}" if marked else ""
        self._path.set_parts([(fmt.printable(rp.shown(self.directory)), "title")], [(note, "key")])

    def _follow_cursor(self, *, at_once: bool = False) -> None:
        agent = self.session.fleet.agent(self.row.id) if self.row is not None else None
        entry = self._table.cursor_row
        visible = not self.has_class("-narrow") or self.has_class("-reading")
        if agent is None or entry is None or not visible:
            return
        if entry.is_directory:
            self._preview.show_folder(entry)
        else:
            self._preview.show_file(entry, lambda: agent.read_text(entry.address), at_once=at_once)

    # -- acting

    def _targets(self) -> list[FileInfo]:
        marked = list(self._table.marked)
        if not marked and (entry := self._table.cursor_row) is not None:
            marked = [entry]
        return marked

    def action_download(self) -> None:
        """Ask where to, then copy."""
        if targets := self._targets():
            self.run_worker(self._download(targets), name="download")

    async def _download(self, targets: Sequence[FileInfo]) -> None:
        files = [entry for entry in targets if not entry.is_directory]
        if len(files) < len(targets):
            self.app.notify("Folders are left out: the API hands out single files.", severity="warning")
        agent = self.session.fleet.agent(self.row.id) if self.row is not None else None
        if not files or agent is None:
            return
        name = fmt.printable(rp.base_name(files[0].address)).replace("/", "_") if len(files) == 1 else ""
        start = (self.context.downloads or Path.home() / "Downloads") / name
        answer = await self.app.push_screen_wait(
            InputDialog(
                "Download to" if name else f"Download {len(files)} files into the folder",
                value=str(start), completer=local_paths,
            )
        )  # fmt: skip
        if not answer:
            return
        target = Path(str(answer)).expanduser()
        for entry in files:
            into = target.is_dir() or not name
            to = target / rp.base_name(entry.address).replace("/", "_") if into else target
            overwrite = False
            if to.exists():
                question = ConfirmDialog("Replace the file?", [f"{to} exists already."], confirm="Replace", danger=True)
                if not await self.app.push_screen_wait(question):
                    continue
                overwrite = True
            address, size = entry.address, entry.size

            async def move(progress: Any, to: Path = to, address: RemotePath = address, o: bool = overwrite) -> None:
                await asyncio.to_thread(to.parent.mkdir, parents=True, exist_ok=True)
                await agent.download(address, to, progress=progress, overwrite=o)

            self._transfers.add(f"↓ {fmt.printable(entry.name)}", size, move, f"Downloaded to {to}")

    def action_upload(self) -> None:
        """Ask for a file of this machine, then copy it here."""
        self.run_worker(self._upload(), name="upload")

    async def _upload(self) -> None:
        directory = self.directory
        agent = self.session.fleet.agent(self.row.id) if self.row is not None else None
        if agent is None:
            return
        title = f"Upload into {fmt.printable(rp.shown(directory))}"
        answer = await self.app.push_screen_wait(
            InputDialog(title, value=f"{Path.cwd()}/", completer=local_paths, validate=_local_file)
        )
        if not answer:
            return
        source = Path(str(answer)).expanduser()
        to = rp.join(directory, source.name)
        overwrite = False
        if any(rp.raw(entry.address) == rp.raw(to) for entry in (self.reading.value or (None, []))[1]):
            lines = [f"{source.name} exists in the sandbox already."]
            question = ConfirmDialog("Replace the file?", lines, confirm="Replace", danger=True)
            if not await self.app.push_screen_wait(question):
                return
            overwrite = True

        async def move(progress: Any) -> None:
            await agent.upload(source, to, progress=progress, overwrite=overwrite)
            self.refresh_now()

        size = (await asyncio.to_thread(source.stat)).st_size
        self._transfers.add(f"↑ {fmt.printable(source.name)}", size, move, f"Uploaded to {rp.shown(to)}")

    def action_add(self) -> None:
        """Ask for a name, then make it."""
        self.run_worker(self._add(), name="add")

    async def _add(self) -> None:
        directory = self.directory
        agent = self.session.fleet.agent(self.row.id) if self.row is not None else None
        answer = await self.app.push_screen_wait(
            InputDialog("New file, or a folder with a trailing /", placeholder="notes.txt or data/")
        )
        if agent is None or not answer:
            return
        name = str(answer)
        path = rp.join(directory, name.rstrip("/"))
        try:
            if name.endswith("/"):
                await agent.mkdir(path)
            elif await agent.exists(path):
                self.app.notify(f"{rp.shown(path)} exists already.", severity="warning", markup=False)
            else:
                await agent.write(path, b"")
        except ApiError as error:
            self.app.notify(sentence(error), severity="error", markup=False, timeout=8)
        else:
            self._returning = path
            self.refresh_now()

    def action_delete(self) -> None:
        """Ask, then delete."""
        if targets := self._targets():
            self.run_worker(self._delete(targets), name="delete")

    async def _delete(self, targets: Sequence[FileInfo]) -> None:
        agent = self.session.fleet.agent(self.row.id) if self.row is not None else None
        lines = [
            f"{fmt.printable(entry.path)}{' and everything in it' if entry.is_directory else ''}"
            for entry in targets[:8]
        ]
        if len(targets) > 8:
            lines.append(f"and {len(targets) - 8} more")
        title = f"Delete {fmt.count(len(targets), 'entry', 'entries')}?"
        typed = str(len(targets)) if len(targets) > 1 else None
        dialog = ConfirmDialog(title, lines, confirm="Delete", danger=True, type_to_confirm=typed)
        if agent is None or not await self.app.push_screen_wait(dialog):
            return
        for entry in targets:
            try:
                await agent.remove(entry.address)
            except NotFound:
                continue
            except ApiError as error:
                self.app.notify(sentence(error), severity="error", markup=False, timeout=8)
                break
        self._table.set_marks([])
        self.refresh_now()

    def action_cancel_transfer(self) -> None:
        """End the transfer under way."""
        self._transfers.cancel()


def _local_file(text: str) -> str | None:
    """What is wrong with a path to upload from; None when nothing is."""
    path = Path(text).expanduser()
    if path.is_dir():
        return "That is a folder: go on typing."
    return None if path.is_file() else "There is no such file on this machine."
