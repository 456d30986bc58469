from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hopx_tui.settings import CLOUD_URL, Settings, SettingsError, Source, describe_yaml_error, resolve

LOCAL = Source("local", "local")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def settle(home: Path, env: dict[str, str] | None = None, /, **args: Any) -> Settings:
    return resolve(argparse.Namespace(**args), env or {}, home)


def config(home: Path, text: str | bytes) -> Path:
    path = home / ".hopx" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def key_file(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_with_nothing_it_is_the_local_engine(home: Path) -> None:
    settings = settle(home)
    assert settings == Settings(
        source=LOCAL,
        sources=(LOCAL,),
        state_dir=home / ".local/state/hopx-tui",
        hopx_config=home / ".hopx/config.yaml",
        preferences=home / ".config/hopx-tui/config.yaml",
    )
    assert resolve({}, {}, home) == settings
    assert resolve(object(), {"HOPX_API_KEY": "", "XDG_STATE_HOME": "relative"}, home) == settings


def test_a_key_in_the_environment_is_the_cloud(home: Path) -> None:
    settings = settle(home, {"HOPX_API_KEY": "sk-1"})
    assert settings.source == Source("cloud", "cloud", CLOUD_URL, "sk-1")
    assert settings.sources == (settings.source, LOCAL)
    assert settings.warnings == ()
    assert "sk-1" not in repr(settings)


def test_flags_over_environment_over_file_over_defaults(home: Path, tmp_path: Path) -> None:
    config(home, "default:\n  api_key: from-file\n  base_url: https://file.example/\n")
    env = {"HOPX_API_KEY": "from-env", "HOPX_BASE_URL": "https://env.example"}
    flags = {"api_key_file": key_file(tmp_path, "from-flag\n"), "base_url": "https://flag.example/"}
    assert settle(home).source == Source("default", "cloud", "https://file.example", "from-file")
    by_env = settle(home, env)
    assert by_env.source == Source("cloud", "cloud", "https://env.example", "from-env")
    assert [source.name for source in by_env.sources] == ["cloud", "default", "local"]
    assert settle(home, env, **flags).source == Source("cloud", "cloud", "https://flag.example", "from-flag")
    assert settle(home, env, api_key_file=flags["api_key_file"]).source.base_url == "https://env.example"
    assert settle(home, {"HOPX_BASE_URL": "https://env.example"}).source.api_key == "from-file"


def test_local_wins_over_everything_and_keeps_the_others_within_reach(home: Path) -> None:
    config(home, "default:\n  api_key: from-file\n")
    settings = settle(home, {"HOPX_API_KEY": "from-env"}, local=True)
    assert settings.source == LOCAL
    assert [source.name for source in settings.sources] == ["cloud", "default", "local"]


@pytest.mark.parametrize(
    "text",
    [
        "default_profile: work\nprofiles:\n  work: {api_key: k1}\n  home: {api_key: k2}\n",
        "work: {api_key: k1}\nhome: {api_key: k2}\ndefault_profile: work\n",
        "default_profile: work\napi_key: k1\nhome: {api_key: k2}\n",
    ],
    ids=["profiles", "older", "bare"],
)
def test_the_shapes_of_the_official_file(home: Path, text: str) -> None:
    config(home, text)
    settings = settle(home)
    assert settings.source == Source("work", "cloud", CLOUD_URL, "k1")
    assert {source.name for source in settings.sources} == {"work", "home", "local"}
    assert settle(home, profile="home").source.api_key == "k2"
    assert settle(home, {"HOPX_PROFILE": "home"}).source.api_key == "k2"
    assert settle(home, {"HOPX_PROFILE": "home"}, profile="work").source.api_key == "k1"


def test_bare_values_without_a_profile(home: Path) -> None:
    config(home, "api_key: k1\nbase_url: https://x.example\n")
    assert settle(home).source == Source("default", "cloud", "https://x.example", "k1")


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "default:\n", "default: {api_key: null}\n"])
def test_a_file_without_a_key_is_the_local_engine(home: Path, text: str) -> None:
    config(home, text)
    assert settle(home).source == LOCAL
    assert settle(home).warnings == ()


def test_a_key_of_digits_stays_as_written(home: Path) -> None:
    config(home, "default: {api_key: 0123456}\n")
    assert settle(home).source.api_key == "0123456"


def test_references_to_the_environment_are_resolved(home: Path) -> None:
    config(home, "default: {api_key: '${WORK_KEY}'}\nother: {api_key: '${MISSING}'}\n")
    assert settle(home, {"WORK_KEY": "k9"}).source.api_key == "k9"
    assert settle(home).source == LOCAL


def test_defaults_for_new_sandboxes(home: Path) -> None:
    config(home, "default: {api_key: k, default_template: python, default_timeout: 900}\n")
    settings = settle(home)
    assert (settings.default_template, settings.default_timeout) == ("python", 900)
    settings = settle(home, {"HOPX_DEFAULT_TEMPLATE": "go", "HOPX_DEFAULT_TIMEOUT": "60"}, local=True)
    assert (settings.default_template, settings.default_timeout) == ("go", 60)


@pytest.mark.parametrize("timeout", ["soon", "0", "-3", "1.5"])
def test_a_timeout_that_is_none_is_a_warning(home: Path, timeout: str) -> None:
    settings = settle(home, {"HOPX_DEFAULT_TIMEOUT": timeout})
    assert settings.default_timeout is None
    assert timeout in settings.warnings[0]


def test_an_unknown_profile(home: Path) -> None:
    path = config(home, "work: {api_key: k1}\n")
    with pytest.raises(SettingsError, match=r"no profile 'wrok' in .*config\.yaml \(known: work\)"):
        settle(home, profile="wrok")
    settings = settle(home, {"HOPX_PROFILE": "wrok"})
    assert settings.source == LOCAL
    assert str(path) in settings.warnings[0]
    assert settle(home, profile="wrok", local=True).warnings


def test_a_profile_without_a_key(home: Path) -> None:
    config(home, "work: {base_url: 'https://x.example'}\n")
    with pytest.raises(SettingsError, match="'work' has no api_key"):
        settle(home, profile="work")
    assert settle(home, profile="work", local=True).source == LOCAL


def test_a_profile_named_local_is_not_mistaken_for_the_engine(home: Path) -> None:
    config(home, "local: {api_key: k1}\n")
    assert settle(home, profile="local").source.name == "local (cloud)"
    assert [source.name for source in settle(home, profile="local").sources] == ["local (cloud)", "local"]


BROKEN = [
    ("default: {api_key: k\nx: 1\n", "line 2"),
    ("a: 'x\n", "line 2"),
    ("- a\n", "not a list of settings"),
    ("just words\n", "not a list of settings"),
    (b"\xff\xfe\xfa", "not valid YAML"),
    ("[" * 500, "nested too deeply"),
]


@pytest.mark.parametrize(("text", "where"), BROKEN)
def test_a_broken_file_is_a_sentence_with_the_way_out(home: Path, text: str | bytes, where: str) -> None:
    path = config(home, text)
    with pytest.raises(SettingsError) as caught:
        settle(home)
    for part in (str(path), where, "--local", "Repair"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "where"), BROKEN)
def test_a_broken_file_hinders_nobody_who_does_not_need_it(home: Path, text: str | bytes, where: str) -> None:
    config(home, text)
    for settings in (settle(home, local=True), settle(home, {"HOPX_API_KEY": "k"})):
        assert where in settings.warnings[0]
    with pytest.raises(SettingsError):
        settle(home, {"HOPX_API_KEY": "k"}, profile="work")


def test_a_file_that_cannot_be_read(home: Path) -> None:
    config(home, "").unlink()
    (home / ".hopx" / "config.yaml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        settle(home)
    assert settle(home, local=True).warnings


def test_another_config_file(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    with pytest.raises(SettingsError, match="does not exist"):
        settle(home, config=str(other))
    other.write_text("default: {api_key: k7}\n")
    settings = settle(home, config=str(other))
    assert (settings.source.api_key, settings.hopx_config) == ("k7", other)


def test_an_error_without_a_place() -> None:
    assert describe_yaml_error(Path("/x"), OSError("odd")) == "/x cannot be read: odd."


@pytest.mark.parametrize(
    "url",
    [
        "api.hopx.dev", "ftp://x", "https://", "https://x:99999", "https://x:0", "https://[::1", "https://u:p@x",
        "https://x?a=1", "https://x#a", "https://x y", "https://x\n", "//x", "https:///path",
    ],
)  # fmt: skip
def test_what_is_no_url(home: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="HOPX_BASE_URL"):
        settle(home, {"HOPX_API_KEY": "k", "HOPX_BASE_URL": url})
    settings = settle(home, {"HOPX_API_KEY": "k", "HOPX_BASE_URL": url}, local=True)
    assert settings.sources == (LOCAL,)
    assert "HOPX_BASE_URL" in settings.warnings[0]


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("https://x.example", False), ("http://localhost:8080", False), ("http://127.0.0.1:1", False),
        ("http://127.8.8.8", False), ("http://[::1]:80", False), ("http://x.example", True),
        ("http://10.0.0.1", True),
    ],
)  # fmt: skip
def test_an_unencrypted_connection_is_warned_about(home: Path, url: str, warned: bool) -> None:
    settings = settle(home, {"HOPX_API_KEY": "k", "HOPX_BASE_URL": url})
    assert bool(settings.warnings) is warned
    assert settings.source.base_url == url
    assert settle(home, {"HOPX_API_KEY": "k", "HOPX_BASE_URL": url}, local=True).warnings == ()


def test_a_url_without_a_key(home: Path) -> None:
    with pytest.raises(SettingsError, match="--base-url needs an API key"):
        settle(home, base_url="https://x.example")
    settings = settle(home, {"HOPX_BASE_URL": "https://x.example"})
    assert settings.source == LOCAL
    assert "HOPX_BASE_URL" in settings.warnings[0]
    assert settle(home, base_url="https://x.example", local=True).source == LOCAL


@pytest.mark.parametrize("text", ["", "  \n", "two words", "k\nk2", "schlüssel", "k\x00"])
def test_what_is_no_key(home: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="key"):
        settle(home, api_key_file=key_file(tmp_path, text))
    if text.strip():
        with pytest.raises(SettingsError, match="HOPX_API_KEY") as caught:
            settle(home, {"HOPX_API_KEY": text})
        assert text not in str(caught.value)


def test_a_key_file_that_is_missing_or_open_to_all(home: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        settle(home, api_key_file=str(tmp_path / "none"))
    settings = settle(home, api_key_file=key_file(tmp_path, "k\n", 0o644))
    assert "chmod 600" in settings.warnings[0]
    assert settle(home, api_key_file=key_file(tmp_path, "k\n", 0o600)).warnings == ()


def test_a_bad_profile_that_was_not_asked_for_is_a_warning(home: Path) -> None:
    config(home, "default: {api_key: k}\nodd: {api_key: k2, base_url: nonsense}\nfine: {api_key: k3}\n")
    settings = settle(home)
    assert [source.name for source in settings.sources] == ["default", "fine", "local"]
    assert "'odd'" in settings.warnings[0]


def test_where_files_live(home: Path, tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": "/xdg/state", "XDG_CONFIG_HOME": "/xdg/config"}
    settings = settle(home, env)
    assert settings.state_dir == Path("/xdg/state/hopx-tui")
    assert settings.preferences == Path("/xdg/config/hopx-tui/config.yaml")
    env["HOPX_TUI_STATE_DIR"] = "/moved"
    assert settle(home, env).state_dir == Path("/moved")
    assert settle(home, env, state_dir="~/mine").state_dir == home / "mine"
    assert settle(home, env, state_dir="~").state_dir == home
    assert settle(home, state_dir="here").state_dir == Path.cwd() / "here"
    assert settle(home, {"HOPX_TUI_LOG": "/l"}).log_file == Path("/l")
    assert settle(home, {"HOPX_TUI_LOG": "/l"}, log_file="/f").log_file == Path("/f")


@pytest.mark.parametrize(
    ("env", "args", "field", "value"),
    [
        ({}, {"readonly": True}, "readonly", True),
        ({"HOPX_TUI_READONLY": "1"}, {}, "readonly", True),
        ({"HOPX_TUI_READONLY": "0"}, {}, "readonly", False),
        ({}, {"ascii": True}, "ascii", True),
        ({"TERM": "dumb"}, {}, "ascii", True),
        ({"TERM": "linux"}, {}, "ascii", True),
        ({"LANG": "de_DE.UTF-8", "TERM": "xterm"}, {}, "ascii", False),
        ({"LANG": "C"}, {}, "ascii", True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, {}, "ascii", True),
        ({"LANG": "C", "LC_ALL": "C.utf8"}, {}, "ascii", False),
        ({}, {"no_color": True}, "color", False),
        ({"NO_COLOR": "1"}, {}, "color", False),
        ({"NO_COLOR": ""}, {}, "color", True),
        ({"TERM": "dumb"}, {}, "color", False),
        ({"SSH_CONNECTION": "a b c d"}, {}, "ssh", True),
        ({}, {"theme": "nord"}, "theme", "nord"),
        ({"HOPX_TUI_THEME": "nord"}, {}, "theme", "nord"),
        ({"HOPX_TUI_ISOLATION": "none"}, {}, "isolation", "none"),
        ({"HOPX_TUI_ISOLATION": "none"}, {"isolation": "bwrap"}, "isolation", "bwrap"),
    ],
)
def test_the_rest(home: Path, env: dict[str, str], args: dict[str, Any], field: str, value: object) -> None:
    assert getattr(settle(home, env, **args), field) == value


def test_an_unknown_isolation(home: Path) -> None:
    with pytest.raises(SettingsError, match="auto, bwrap or none"):
        settle(home, isolation="docker")


def test_yaml_is_imported_only_when_there_is_a_file(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hopx_tui.settings import resolve;"
        f"resolve({{}}, {{}}, Path({str(home)!r})); print('yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("name", ["fifo", "/dev/zero"])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(home: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "fifo":
        os.mkfifo(path)
    with pytest.raises(SettingsError, match=f"--api-key-file {path} cannot be read: it is not a regular file"):
        settle(home, api_key_file=str(path))
    with pytest.raises(SettingsError, match=f"{path} cannot be read: it is not a regular file"):
        settle(home, config=str(path))


def test_a_file_of_megabytes_is_refused(home: Path, tmp_path: Path) -> None:
    config(home, b"# " + bytes(1_100_000))
    with pytest.raises(SettingsError, match="larger than 1 MB"):
        settle(home)
    with pytest.raises(SettingsError, match="larger than 1 MB"):
        settle(home, api_key_file=key_file(tmp_path, "k" * 1_100_000))


def test_a_default_timeout_of_thousands_of_digits(home: Path) -> None:
    settings = settle(home, {"HOPX_DEFAULT_TIMEOUT": "9" * 5000})
    assert settings.default_timeout is None
    assert "default_timeout" in settings.warnings[0]
