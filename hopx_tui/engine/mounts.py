"""The mount plan of a sandbox: from paths to the arguments of bubblewrap. Pure: touches nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hopx_tui.engine.runtime import is_below

SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC_NAMES = (
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "debian_version",
    "fonts",
    "gai.conf",
    "inputrc",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "pki/ca-trust",  # never all of pki or ssl: private keys lie beside the certificates
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "profile",
    "protocols",
    "services",
    "shells",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
)
# bubblewrap leaves /proc/sys writable when its sysctls are writable to us: as root that is the HOST's kernel.
PROC_READ_ONLY = ("sys", "sysrq-trigger", "fs", "irq", "bus")
PROC_HIDDEN = ("kcore", "keys", "kmsg", "timer_list", "latency_stats")
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETGID",
    "CAP_SETUID",
)
# the sandbox is a machine of its own: there is no system Python to protect from its root
PIP_CONF = "[global]\nbreak-system-packages = true\nroot-user-action = ignore\ndisable-pip-version-check = true\n"
PATH = "/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class PlanError(Exception):
    """No safe plan exists on this machine; the text says why."""


@dataclass(frozen=True)
class Host:
    """What the plan needs to know of the host's file system; tests give another one."""

    exists: Callable[[str], bool] = os.path.exists
    is_directory: Callable[[str], bool] = os.path.isdir
    link: Callable[[str], str | None] = field(
        default=lambda path: os.readlink(path) if os.path.islink(path) else None
    )


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a sandbox sees. `folders`: path inside -> the sandbox's own directory."""

    sandbox_id: str
    folders: dict[str, str]  # must hold /workspace, /root and /etc; /usr/local and /opt are optional
    read_only: tuple[str, ...]  # bound at their own path: interpreter, libraries, package
    hidden: tuple[str, ...]  # the engine's state: never visible, not even below something bound
    home: str  # of the user on the host: never bound as a whole
    share_network: bool
    environment: dict[str, str]
    tools: tuple[str, ...] = ()  # programs a template needs; their place must not be covered
    shown: Mapping[str, str] = field(default_factory=dict)  # read-only layers: path inside -> real path
    kept_etc: frozenset[str] = frozenset()  # names of ETC_NAMES that the sandbox has something of its own for


def bubblewrap_arguments(plan: Plan, host: Host, *, info: int, block: int) -> list[str]:
    """The options for `bwrap`, up to but without the command. `info`, `block`: descriptors it inherits."""
    argv = ["--unshare-all", *(["--share-net"] if plan.share_network else [])]
    argv += ["--die-with-parent", "--new-session", "--hostname", plan.sandbox_id]
    argv += ["--uid", "0", "--gid", "0", "--cap-drop", "ALL"]
    for capability in CAPABILITIES:
        argv += ["--cap-add", capability]
    argv += ["--info-fd", str(info), "--block-fd", str(block)]
    argv += _system(host)
    argv += ["--proc", "/proc", *_proc(host), "--dev", "/dev"]
    argv += ["--perms", "1777", "--tmpfs", "/dev/shm"]
    argv += ["--perms", "1777", "--tmpfs", "/tmp", "--tmpfs", "/run", "--dir", "/run/lock"]
    argv += ["--dir", "/run/hopx-agent"]
    argv += ["--dir", "/var", "--dir", "/var/lib", "--dir", "/var/cache", "--dir", "/var/log"]
    argv += ["--perms", "1777", "--dir", "/var/tmp", "--symlink", "/run", "/var/run"]
    if host.is_directory("/var/lib/dpkg"):
        argv += ["--ro-bind", "/var/lib/dpkg", "/var/lib/dpkg"]
    argv += _own_folders(plan, host)
    argv += _etc(plan, host)
    argv += _runtime(plan, host)
    for inside, real in plan.shown.items():
        argv += ["--ro-bind", real, inside]
    argv += ["--chdir", "/workspace", "--clearenv"]
    for name, value in plan.environment.items():
        argv += ["--setenv", name, value]
    return argv


def _system(host: Host) -> list[str]:
    argv = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        target = host.link(f"/{name}")
        if target is not None:
            argv += ["--symlink", target, f"/{name}"]
        elif host.is_directory(f"/{name}"):
            argv += ["--ro-bind", f"/{name}", f"/{name}"]
    if host.is_directory("/nix/store"):  # a Nix interpreter is nothing without the store
        argv += ["--ro-bind", "/nix/store", "/nix/store"]
    return argv


def _proc(host: Host) -> list[str]:
    argv = []
    for name in PROC_READ_ONLY:
        if host.exists(f"/proc/{name}"):
            argv += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    for name in PROC_HIDDEN:
        if host.exists(f"/proc/{name}"):
            argv += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    return argv


def _own_folders(plan: Plan, host: Host) -> list[str]:
    argv = []
    for inside, real in plan.folders.items():
        if inside in ("/usr/local", "/opt"):
            if any(is_below(path, inside) for path in (*plan.read_only, *plan.tools)):
                # an interpreter or a tool lies there: an empty folder must not cover it
                if inside == "/opt" and any(is_below(path, inside) for path in plan.tools):
                    argv += ["--ro-bind", inside, inside]
                continue
            if inside == "/usr/local" and not host.is_directory(inside):
                continue  # a mount point cannot be made below the read-only /usr
        argv += ["--bind", real, inside]
    return argv


def _etc(plan: Plan, host: Host) -> list[str]:
    argv = []
    for name in ETC_NAMES:
        if host.exists(f"/etc/{name}") and name not in plan.kept_etc:
            argv += ["--ro-bind", f"/etc/{name}", f"/etc/{name}"]
    return argv


def _runtime_folders(plan: Plan, host: Host) -> list[str]:
    bound: list[str] = ["/usr"]
    for path in sorted(dict.fromkeys(plan.read_only), key=lambda each: (each.count("/"), each)):
        if is_below(plan.home, path) and path != "/usr":
            raise PlanError(f"the Python installation {path} would make the home directory visible")
        if any(is_below(path, folder) for folder in bound) or not host.is_directory(path):
            continue
        bound.append(path)
    return bound


def _runtime(plan: Plan, host: Host) -> list[str]:
    argv: list[str] = []
    bound = _runtime_folders(plan, host)
    for path in bound[1:]:
        argv += ["--ro-bind", path, path]
    for path in plan.hidden:
        if any(is_below(path, folder) for folder in bound):
            argv += ["--tmpfs", path]
    return argv


def mount_points(plan: Plan, host: Host) -> list[tuple[str, str, bool]]:
    """What is mounted below a folder the sandbox may write: (its directory on the host, the path below it, whether
    a folder). bubblewrap follows links on its way to a mount point, so each must be real before it runs.

    Raises PlanError.
    """
    own = {target: source for source, target in _pairs(_own_folders(plan, host), "--bind")}
    targets = [target for _, target in _pairs(_etc(plan, host), "--ro-bind")] + _runtime_folders(plan, host)[1:]
    return [
        (real, os.path.relpath(target, inside), host.is_directory(target))
        for target in targets
        for inside, real in own.items()
        if is_below(target, inside) and target != inside
    ]


def _pairs(argv: Sequence[str], option: str) -> list[tuple[str, str]]:
    return [(argv[at + 1], argv[at + 2]) for at, word in enumerate(argv) if word == option]


def etc_files(sandbox_id: str, nameserver: str | None, host_resolv: str) -> dict[str, str]:
    """The sandbox's own files of /etc: its users, names and resolver. No account of the host appears."""
    resolv = f"nameserver {nameserver}\n" if nameserver else host_resolv
    return {
        "passwd": (
            "root:x:0:0:root:/root:/bin/bash\n"
            "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nusers:x:100:\nnogroup:x:65534:\n",
        "pip.conf": PIP_CONF,
        "hosts": f"127.0.0.1\tlocalhost {sandbox_id}\n::1\tlocalhost ip6-localhost\n",
        "hostname": f"{sandbox_id}\n",
        "resolv.conf": resolv,
    }


def environment(sandbox_id: str, extra_path: Sequence[str], first: Sequence[str] = ()) -> dict[str, str]:
    """The whole environment inside; nothing of the host's is taken over."""
    return {
        "PATH": ":".join((*first, PATH, *extra_path)),
        "HOME": "/root",
        "USER": "root",
        "LOGNAME": "root",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "HOPX_SANDBOX_ID": sandbox_id,
    }
