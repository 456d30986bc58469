from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from hopx_tui.preferences import LEAVE_TERMINAL, Preferences, PreferencesError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hopx-tui" / "config.yaml"


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def leftovers(path: Path) -> list[str]:
    return sorted(set(os.listdir(path.parent)) - {path.name, f"{path.name}.lock"})


def test_without_a_file_there_are_defaults_and_nothing_is_made(path: Path) -> None:
    preferences = Preferences(path)
    assert (preferences.theme, preferences.rate, preferences.last_template) == (None, None, None)
    assert preferences.leave_terminal == LEAVE_TERMINAL == "ctrl+]"
    assert preferences.downloads is None
    assert (preferences.name("a"), preferences.note("a"), preferences.group("a")) == (None, None, None)
    assert preferences.warning is None
    assert not path.parent.exists()


def test_what_is_saved_is_there_at_once_and_next_time(path: Path) -> None:
    preferences = Preferences(path)
    preferences.set("theme", "nord")
    preferences.set("rate", 2.5)
    preferences.set("last_template", "python")
    preferences.set("leave_terminal", "ctrl+q")
    preferences.set("downloads", "/data")
    preferences.set("seen_welcome", True)
    preferences.set_name("a", "web-scraper")
    preferences.set_note("a", "naïve: # not a comment\nsecond line")
    preferences.set_group("b", "etl")
    for each in (preferences, Preferences(path)):
        assert (each.theme, each.rate, each.last_template) == ("nord", 2.5, "python")
        assert (each.leave_terminal, each.downloads, each.get("seen_welcome")) == ("ctrl+q", Path("/data"), True)
        assert each.name("a") == "web-scraper"
        assert each.note("a") == "naïve: # not a comment\nsecond line"
        assert each.group("b") == "etl"
    assert leftovers(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_removing_leaves_nothing_behind(path: Path) -> None:
    preferences = Preferences(path)
    preferences.set("theme", "nord")
    preferences.set_name("a", "x")
    preferences.set_note("a", "y")
    preferences.set_name("a", None)
    assert (preferences.name("a"), preferences.note("a")) == (None, "y")
    preferences.set_note("a", "")
    preferences.set("theme", None)
    preferences.set("never there", None)
    assert path.read_text() == ""
    assert Preferences(path).warning is None


def test_forget_drops_all_about_one_sandbox(path: Path) -> None:
    preferences = Preferences(path)
    preferences.set_name("a", "x")
    preferences.set_group("a", "g")
    preferences.set_name("b", "y")
    preferences.forget("a")
    before = path.stat().st_mtime_ns
    preferences.forget("ghost")
    assert path.stat().st_mtime_ns == before
    assert yaml.safe_load(path.read_text()) == {"sandboxes": {"b": {"name": "y"}}}


def test_unknown_keys_order_and_the_first_comment_stay(path: Path) -> None:
    write(path, "# mine\n\n# still mine\nzebra: [1, 2]\ntheme: nord\nalpha:\n  deep: {x: null}\nsandboxes:\n")
    preferences = Preferences(path)
    preferences.set("theme", "dracula")
    preferences.set_name("a", "x")
    text = path.read_text()
    assert text.startswith("# mine\n\n# still mine\nzebra:")
    tree = yaml.safe_load(text)
    assert list(tree) == ["zebra", "theme", "alpha", "sandboxes"]
    assert (tree["alpha"], tree["theme"]) == ({"deep": {"x": None}}, "dracula")
    assert tree["sandboxes"] == {"a": {"name": "x"}}


def test_an_id_of_digits_is_found_however_it_was_written(path: Path) -> None:
    write(path, "sandboxes:\n  1761048129: {name: 42, colour: red}\n")
    preferences = Preferences(path)
    assert preferences.name("1761048129") == "42"
    preferences.set_name("1761048129", "x")
    preferences.set_name("1761048130", "y")
    entries = yaml.safe_load(path.read_text())["sandboxes"]
    assert entries == {1761048129: {"name": "x", "colour": "red"}, "1761048130": {"name": "y"}}


@pytest.mark.parametrize("value", ["fast", "true", "0", "-1", "9999", ".nan", ".inf", "[1]", "null"])
def test_a_rate_that_is_none_is_ignored(path: Path, value: str) -> None:
    assert Preferences(write(path, f"rate: {value}\ntheme: 7\nsandboxes: {{a: 5}}\n")).rate is None
    assert Preferences(path).theme is None
    assert Preferences(path).name("a") is None


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("theme: [nord\nrate: 2\n", "line 2"),
        ("a: 1\nb: 'x\n", "line 3"),
        ("- just\n- a list\n", "not settings"),
        ("sandboxes: nothing\n", "not settings"),
        ("when: 2024-99-99\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        ("x: !custom 1\n", "line 1"),
        (b"theme: \xff\xfe\n", "not valid YAML"),
        ("[" * 500, "nested too deeply"),
    ],
)
def test_a_malformed_file_is_never_replaced(path: Path, text: str | bytes, where: str) -> None:
    write(path, text)
    before = path.read_bytes()
    preferences = Preferences(path)
    assert preferences.warning is not None
    assert str(path) in preferences.warning
    assert where in preferences.warning
    with pytest.raises(PreferencesError, match="left alone"):
        preferences.set_name("a", "x")
    assert path.read_bytes() == before
    assert preferences.name("a") == "x", "it holds for this run"
    path.write_text("theme: nord\n")
    preferences.set("rate", 3)
    tree = yaml.safe_load(path.read_text())
    assert tree == {"theme": "nord", "sandboxes": {"a": {"name": "x"}}, "rate": 3}, "and is saved after the repair"
    assert preferences.warning is None
    assert preferences.theme == "nord"


def test_a_file_that_breaks_meanwhile_is_not_replaced_and_old_values_hold(path: Path) -> None:
    preferences = Preferences(write(path, "theme: nord\n"))
    write(path, "theme: [nord, half written\n")
    assert preferences.reload() is False
    assert preferences.warning is not None
    assert preferences.theme == "nord"
    with pytest.raises(PreferencesError):
        preferences.set("rate", 1)
    assert "half written" in path.read_text()


def test_reload_sees_what_others_wrote(path: Path) -> None:
    preferences = Preferences(path)
    assert preferences.reload() is False
    other = Preferences(path)
    other.set_name("a", "theirs")
    assert preferences.reload() is True
    assert preferences.name("a") == "theirs"
    assert preferences.reload() is False
    os.utime(path, ns=(1, 1))
    assert preferences.reload() is False, "touched, not changed"
    path.unlink()
    assert preferences.reload() is True
    assert preferences.name("a") is None


def test_two_dashboards_do_not_undo_each_other(path: Path) -> None:
    one, two = Preferences(path), Preferences(path)
    one.set_name("a", "first")
    two.set_name("b", "second")
    one.set("theme", "nord")
    two.set_note("a", "note")
    assert yaml.safe_load(path.read_text()) == {
        "sandboxes": {"a": {"name": "first", "note": "note"}, "b": {"name": "second"}},
        "theme": "nord",
    }
    assert two.name("a") == "first"


def rename_many(path: Path, who: int) -> None:
    preferences = Preferences(path)
    for number in range(10):
        preferences.set_name(f"{who}-{number}", f"name {number}")


def test_writers_at_the_same_time_lose_nothing(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=rename_many, args=(path, who)) for who in range(2)]
    for writer in writers:
        writer.start()
    rename_many(path, 9)
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(yaml.safe_load(path.read_text())["sandboxes"]) == 30
    assert leftovers(path) == []


def test_threads_of_one_dashboard_lose_nothing(path: Path) -> None:
    preferences = Preferences(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: preferences.set_name(str(number), "x"), range(20)))
        preferences.reload()
    assert len(yaml.safe_load(path.read_text())["sandboxes"]) == 20
    assert all(preferences.name(str(number)) == "x" for number in range(20))


def test_reading_does_not_wait_for_saving(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preferences = Preferences(path)
    outcomes: list[bool] = []
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        write(path, "theme: nord\n")
        outcomes.append(preferences.reload())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    preferences.set("rate", 1)
    assert outcomes == [False]


def test_nobody_else_writes_between_reading_and_replacing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preferences = Preferences(path)
    held: list[bool] = []
    fsync = os.fsync

    def look(descriptor: int) -> None:
        with open(f"{path}.lock", "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                held.append(False)
            except BlockingIOError:
                held.append(True)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    preferences.set("rate", 1)
    assert held == [True]


def test_a_lock_that_is_never_released_is_given_up(path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    preferences = Preferences(write(path, "theme: nord\n"), clock=lambda: now[0], sleep=sleep)
    with open(f"{path}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PreferencesError, match="written by somebody else"):
            preferences.set("theme", "dracula")
    assert 2 <= now[0] < 3
    assert path.read_text() == "theme: nord\n"
    preferences.set("rate", 1)
    assert yaml.safe_load(path.read_text()) == {"theme": "dracula", "rate": 1}


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "the disk is full; the file is as it was"), (errno.EIO, "cannot be saved")]
)
def test_a_full_disk_is_a_sentence_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    preferences = Preferences(write(path, "theme: nord\n"))

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(PreferencesError, match=words):
            preferences.set_name("a", "x")
    assert path.read_text() == "theme: nord\n"
    assert leftovers(path) == []
    assert preferences.name("a") == "x"
    preferences.set("rate", 1)
    assert yaml.safe_load(path.read_text())["sandboxes"] == {"a": {"name": "x"}}


def test_a_place_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    preferences = Preferences(tmp_path / "file" / "config.yaml")
    assert preferences.warning is not None
    with pytest.raises(PreferencesError, match="cannot be"):
        preferences.set("theme", "nord")


def test_mode_and_symlink_are_kept(path: Path, tmp_path: Path) -> None:
    real = write(tmp_path / "dotfiles" / "config.yaml", "theme: nord\n")
    real.chmod(0o640)
    path.parent.mkdir()
    path.symlink_to(real)
    Preferences(path).set("theme", "dracula")
    assert path.is_symlink()
    assert real.read_text() == "theme: dracula\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_kept(path: Path) -> None:
    write(path, "theme: nord\n")
    os.chown(path, 12345, 12345)
    Preferences(path).set("theme", "dracula")
    assert path.stat().st_uid == 12345


def test_a_name_of_any_characters_comes_back(path: Path) -> None:
    names = ["yes", "123", "null", "a: b", "- x", "日本", "\x1b[31m", "é\udc80", " lead", "x" * 3_000]
    preferences = Preferences(path)
    for number, name in enumerate(names):
        preferences.set_name(str(number), name)
    again = Preferences(path)
    assert [again.name(str(number)) for number in range(len(names))] == names


def test_downloads_may_be_below_home(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert Preferences(write(path, "downloads: ~/loads\n")).downloads == Path("/home/me/loads")


@pytest.mark.parametrize("name", ["config.yaml", "config.yaml.lock"])
def test_a_pipe_in_place_of_a_file_is_not_waited_for(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path.with_name(name))
    preferences = Preferences(path)
    assert (preferences.warning is None) == (name != path.name)
    with pytest.raises(PreferencesError):
        preferences.set("theme", "x")
    assert stat.S_ISFIFO(path.with_name(name).lstat().st_mode)


def test_a_file_of_megabytes_is_left_alone(path: Path) -> None:
    write(path, b"# " + bytes(1_100_000))
    preferences = Preferences(path)
    assert preferences.warning is not None
    assert "larger than 1 MB" in preferences.warning
