"""What this run was asked to be: flags over environment over ~/.hopx/config.yaml over defaults."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

CLOUD_URL = "https://api.hopx.dev"
LOCAL = "local"

Isolation = Literal["auto", "bwrap", "none"]

_REFERENCE = re.compile(r"\$\{(\w+)\}")
_NULLS = ("", "null", "Null", "NULL", "~")
_OFF = ("", "0", "no", "false", "off")
_FILE_LIMIT = 1_000_000


class SettingsError(Exception):
    """The settings cannot be used. The message is one sentence or two: where, what is wrong, what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where sandboxes come from. A local one has no URL and key until its engine runs."""

    name: str
    kind: Literal["local", "cloud"]
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is decided before the screen opens."""

    source: Source
    """The one to open first."""
    sources: tuple[Source, ...]
    """All that can be opened: each profile with a key, and the local engine last."""
    state_dir: Path
    """The local engine's state and the dashboard's own."""
    hopx_config: Path
    """The official CLI's file: read, never written."""
    preferences: Path
    """This program's own file, see preferences.py."""
    readonly: bool = False
    ascii: bool = False
    """Draw with ASCII only."""
    color: bool = True
    ssh: bool = False
    """The person sits at the other end of an SSH connection."""
    theme: str | None = None
    log_file: Path | None = None
    isolation: Isolation | None = None
    """What the local engine shall use; None = it chooses."""
    default_template: str | None = None
    default_timeout: int | None = None
    """Seconds a new sandbox lives unless told otherwise."""
    warnings: tuple[str, ...] = ()
    """Sentences to show once the screen is open."""


def resolve(args: object, env: Mapping[str, str], home: Path) -> Settings:
    """Settle all settings.

    `args` is a mapping or a namespace; absent, None and False mean "not given". Names: local, api_key_file,
    base_url, profile, readonly, state_dir, ascii, no_color, theme, log_file, isolation, config. Raises
    SettingsError when what was asked for cannot be used; what does not stand in the way becomes a warning.
    """
    given = _Given(args, env, home)
    warnings: list[str] = []
    hopx_config = given.path("config") or home / ".hopx" / "config.yaml"
    profiles = _profiles(given, hopx_config, warnings)
    profile = _profile(given, profiles, hopx_config, warnings)
    cloud = _cloud(given, profile, warnings)
    others = _other_sources(profiles, cloud, env, warnings)
    local = Source(LOCAL, "local")
    if cloud is not None and cloud.base_url is not None and not given.flag("local"):
        warnings.extend(_exposed(cloud.base_url))
    term = env.get("TERM", "")
    return Settings(
        source=local if cloud is None or given.flag("local") else cloud,
        sources=(*((cloud,) if cloud is not None else ()), *others, local),
        state_dir=given.path("state_dir", "HOPX_TUI_STATE_DIR") or _xdg(given, "STATE", ".local/state"),
        hopx_config=hopx_config,
        preferences=_xdg(given, "CONFIG", ".config") / "config.yaml",
        readonly=given.flag("readonly", "HOPX_TUI_READONLY"),
        ascii=given.flag("ascii", "HOPX_TUI_ASCII") or term in ("dumb", "linux") or not _unicode_locale(env),
        color=not given.flag("no_color") and not env.get("NO_COLOR") and term != "dumb",
        ssh=bool(env.get("SSH_CONNECTION") or env.get("SSH_TTY")),
        theme=given.text("theme", "HOPX_TUI_THEME"),
        log_file=given.path("log_file", "HOPX_TUI_LOG"),
        isolation=_isolation(given),
        default_template=given.text("", "HOPX_DEFAULT_TEMPLATE") or profile.get("default_template"),
        default_timeout=_timeout(given, profile, warnings),
        warnings=tuple(warnings),
    )


def read_small_file(path: Path) -> tuple[bytes, int]:
    """The content and the mode of a regular file of at most 1 MB; OSError otherwise, whose `strerror` says why.

    A FIFO or a device would keep whoever opens it waiting for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        text = file.read(_FILE_LIMIT + 1)
    if len(text) > _FILE_LIMIT:
        raise OSError(errno.EFBIG, "it is larger than 1 MB")
    return text, mode


def describe_yaml_error(path: Path, error: Exception) -> str:
    """One sentence: which file, which line, what the reader stumbled over."""
    if isinstance(error, OSError):
        return f"{path} cannot be read: {error.strerror or error}."
    mark = getattr(error, "problem_mark", None)
    where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is nested too deeply"
    return f"{where}: not valid YAML: {problem}."


class _Given:
    """What was given on the command line or, failing that, in the environment."""

    def __init__(self, args: object, env: Mapping[str, str], home: Path) -> None:
        self._args = args
        self.env = env
        self.home = home

    def text(self, name: str, variable: str | None = None) -> str | None:
        value = self._args.get(name) if isinstance(self._args, Mapping) else getattr(self._args, name, None)
        if value not in (None, False, ""):
            return str(value)
        return (self.env.get(variable) or None) if variable is not None else None

    def flag(self, name: str, variable: str | None = None) -> bool:
        return (self.text(name, variable) or "").lower() not in _OFF

    def path(self, name: str, variable: str | None = None) -> Path | None:
        text = self.text(name, variable)
        if text is None:
            return None
        if text == "~" or text.startswith("~/"):
            return self.home / text[2:]
        return Path(text).absolute()


@dataclass(frozen=True, slots=True)
class _Profiles:
    by_name: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    default: str = "default"


def _profiles(given: _Given, path: Path, warnings: list[str]) -> _Profiles:
    """The profiles of the file. A broken file stops only those who need it."""
    try:
        return _read_profiles(path, explicit=given.text("config") is not None)
    except SettingsError as error:
        has_key = given.text("api_key_file", "HOPX_API_KEY") is not None
        asked = given.text("profile", "HOPX_PROFILE") or given.text("config")
        if given.flag("local") or (has_key and not asked):
            warnings.append(str(error))
            return _Profiles()
        raise SettingsError(f"{error} Repair it, or use the local engine with --local.") from error


def _read_profiles(path: Path, *, explicit: bool) -> _Profiles:
    """All three shapes the official CLI reads or writes.

    `{default_profile, profiles: {NAME: {...}}}` (its `config` commands), `{NAME: {...}}` (its older one), and
    the bare `{api_key: ..., base_url: ...}`.
    """
    try:
        text, _ = read_small_file(path)
    except FileNotFoundError:
        if explicit:
            raise SettingsError(f"{path} does not exist.") from None
        return _Profiles()
    except OSError as error:
        raise SettingsError(describe_yaml_error(path, error)) from error
    import yaml

    try:
        # BaseLoader: every scalar stays the text it is, so that no key of digits is read as a number.
        tree = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsError(describe_yaml_error(path, error)) from error
    if tree is None or tree == "":
        return _Profiles()
    if not isinstance(tree, dict):
        raise SettingsError(f"{path}: this is not a list of settings (name: value).")
    default = _scalar(tree.get("default_profile")) or "default"
    nested = tree.get("profiles")
    profiles = nested if isinstance(nested, dict) else tree
    by_name = {name: _scalars(values) for name, values in profiles.items() if isinstance(values, dict)}
    bare = _scalars(tree)
    if "api_key" in bare or "base_url" in bare:
        by_name[default] = bare | by_name.get(default, {})
    return _Profiles(by_name, default)


def _scalars(values: Mapping[str, Any]) -> dict[str, str]:
    scalars = {name: _scalar(value) for name, value in values.items()}
    return {name: text for name, text in scalars.items() if text is not None}


def _scalar(value: object) -> str | None:
    return None if not isinstance(value, str) or value.strip() in _NULLS else value.strip()


def _profile(given: _Given, profiles: _Profiles, path: Path, warnings: list[str]) -> Mapping[str, str]:
    """The values of the chosen profile, its references to environment variables resolved, with its `name`."""
    name = given.text("profile", "HOPX_PROFILE") or profiles.default
    values = profiles.by_name.get(name)
    if values is None:
        if name != profiles.default or name != "default":
            known = ", ".join(sorted(profiles.by_name)) or "none"
            sentence = f"There is no profile {name!r} in {path} (known: {known})."
            if given.text("profile") is not None and not given.flag("local"):
                raise SettingsError(sentence)
            warnings.append(sentence)
        return {}
    return {key: _expand(value, given.env) for key, value in values.items()} | {"name": name}


def _expand(value: str, env: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: env.get(match[1], ""), value)


def _cloud(given: _Given, profile: Mapping[str, str], warnings: list[str]) -> Source | None:
    """The cloud source that flags, environment and profile describe; None when no key is to be found."""
    local = given.flag("local")
    name = "cloud"
    try:
        if (file := given.path("api_key_file")) is not None:
            key = _read_key(file, warnings)
        elif variable := given.text("", "HOPX_API_KEY"):
            key = _check_key(variable, "HOPX_API_KEY")
        elif profile.get("api_key"):
            name = profile["name"]
            key = _check_key(profile["api_key"], f"api_key of profile {name!r}")
        else:
            _no_key(given, profile, warnings)
            return None
        origin, url = _url_of(given, profile)
        return Source(_cloud_name(name), "cloud", check_url(url, origin), key)
    except SettingsError as error:
        if not local:
            raise
        warnings.append(str(error))
        return None


def _no_key(given: _Given, profile: Mapping[str, str], warnings: list[str]) -> None:
    how = "Give a key with HOPX_API_KEY or --api-key-file, or use the local engine with --local."
    if given.flag("local"):
        return
    if given.text("base_url") is not None:
        raise SettingsError(f"--base-url needs an API key. {how}")
    if given.text("profile") is not None:
        raise SettingsError(f"Profile {profile.get('name', '')!r} has no api_key. {how}")
    if given.text("", "HOPX_BASE_URL") is not None:
        warnings.append("HOPX_BASE_URL is set, but there is no API key: this is the local engine.")


def _url_of(given: _Given, profile: Mapping[str, str]) -> tuple[str, str]:
    """Where the base URL comes from, and the URL."""
    if flag := given.text("base_url"):
        return "--base-url", flag
    if variable := given.text("", "HOPX_BASE_URL"):
        return "HOPX_BASE_URL", variable
    if profile.get("base_url"):
        return f"base_url of profile {profile.get('name', '')!r}", profile["base_url"]
    return "default", CLOUD_URL


def check_url(url: str, origin: str) -> str:
    """The URL without a trailing slash; SettingsError, naming its `origin`, if it is none."""

    def bad(reason: str) -> SettingsError:
        return SettingsError(f"{origin}: {reason}. A base URL looks like {CLOUD_URL}.")

    if not url.isprintable() or " " in url:
        raise bad("the URL contains blanks or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise bad(f"{url!r} is not a URL ({error})") from error
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise bad(f"{url!r} is not an http or https URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise bad("a user name, a query or a fragment has no place in it")
    return url.rstrip("/")


def _exposed(url: str) -> list[str]:
    """A warning if the key would travel unencrypted over a network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or host in ("localhost", "::1") or host.startswith("127."):
        return []
    return [f"{url} is not encrypted: everyone on the way can read the API key. Use https."]


def _read_key(path: Path, warnings: list[str]) -> str:
    try:
        text, mode = read_small_file(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(f"--api-key-file {path} cannot be read: {reason}.") from error
    if mode & 0o077:
        warnings.append(f"{path} holds an API key and is open to other users: chmod 600 {path}")
    return _check_key(text.decode("utf-8", "replace").strip(), f"--api-key-file {path}")


def _check_key(key: str, origin: str) -> str:
    if not key:
        raise SettingsError(f"{origin}: there is no key in it.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(f"{origin}: an API key is one word of ASCII characters, this is not.")
    return key


def _other_sources(
    profiles: _Profiles, cloud: Source | None, env: Mapping[str, str], warnings: list[str]
) -> list[Source]:
    sources = []
    for name, values in profiles.by_name.items():
        key, url = _expand(values.get("api_key", ""), env), _expand(values.get("base_url", ""), env)
        if key and (cloud is None or cloud.name != _cloud_name(name)):
            try:
                checked = check_url(url or CLOUD_URL, f"base_url of profile {name!r}")
                key = _check_key(key, f"api_key of profile {name!r}")
            except SettingsError as error:
                warnings.append(str(error))
            else:
                sources.append(Source(_cloud_name(name), "cloud", checked, key))
    return sources


def _cloud_name(profile: str) -> str:
    return f"{profile} (cloud)" if profile == LOCAL else profile


def _xdg(given: _Given, kind: str, fallback: str) -> Path:
    """This program's directory of that kind. Relative XDG paths are invalid by their specification."""
    base = given.env.get(f"XDG_{kind}_HOME", "")
    return (Path(base) if base.startswith("/") else given.home / fallback) / "hopx-tui"


def _isolation(given: _Given) -> Isolation | None:
    match given.text("isolation", "HOPX_TUI_ISOLATION"):
        case None:
            return None
        case "auto" | "bwrap" | "none" as level:
            return level
        case other:
            raise SettingsError(f"--isolation {other!r} is unknown: it is auto, bwrap or none.")


def _timeout(given: _Given, profile: Mapping[str, str], warnings: list[str]) -> int | None:
    text = given.text("", "HOPX_DEFAULT_TIMEOUT") or profile.get("default_timeout")
    if text is None:
        return None
    if text.isdecimal() and len(text) < 12 and int(text) > 0:
        return int(text)
    warnings.append(f"default_timeout is a number of seconds above 0, not {text!r}.")
    return None


def _unicode_locale(env: Mapping[str, str]) -> bool:
    """Unset counts as Unicode: containers rarely set a locale, the terminals around them are UTF-8."""
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or "UTF-8"
    return "utf" in locale.lower()
