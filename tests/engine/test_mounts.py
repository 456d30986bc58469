"""The mount plan, as arguments: what is seen, what is not, and in which order."""

import pytest

from hopx_tui.engine.mounts import Host, Plan, PlanError, bubblewrap_arguments, environment, etc_files

OWN = {
    "/workspace": "/state/s/workspace",
    "/root": "/state/s/root",
    "/etc": "/state/s/etc",
    "/usr/local": "/state/s/local",
    "/opt": "/state/s/opt",
}
DIRECTORIES = {"/lib64", "/usr/local", "/usr", "/opt", "/var/lib/dpkg"}
FILES = {"/etc/ssl/certs", "/etc/localtime", "/etc/shadow", "/proc/sys", "/proc/kcore", "/proc/sysrq-trigger"}


def arguments(host=None, **changes):
    facts = {
        "sandbox_id": "s1",
        "folders": OWN,
        "read_only": ("/home/me/venv", "/home/me/python"),
        "hidden": ("/state",),
        "home": "/home/me",
        "share_network": False,
        "environment": {"PATH": "/bin"},
    }
    known = DIRECTORIES | set(changes.get("read_only", facts["read_only"]))
    machine = host or Host(
        exists=lambda path: path in FILES,
        is_directory=lambda path: path in known,
        link=lambda path: "usr/bin" if path == "/bin" else None,
    )
    return bubblewrap_arguments(Plan(**{**facts, **changes}), machine, info=7, block=8)


def pairs(argv, option):
    """[(source, target)] of an option."""
    return [(argv[at + 1], argv[at + 2]) for at, word in enumerate(argv) if word == option]


def test_namespaces_life_and_descriptors():
    argv = arguments()
    for word in ("--unshare-all", "--die-with-parent", "--new-session", "--clearenv"):
        assert word in argv
    assert "--share-net" not in argv
    assert "--share-net" in arguments(share_network=True)
    assert argv[argv.index("--hostname") + 1] == "s1"
    assert argv[argv.index("--info-fd") + 1] == "7"
    assert argv[argv.index("--block-fd") + 1] == "8"
    assert argv.index("--clearenv") < argv.index("--setenv")
    assert argv[argv.index("--cap-drop") + 1] == "ALL"
    assert "CAP_SYS_ADMIN" not in argv


def test_the_system_is_read_only_and_merged_folders_are_links():
    argv = arguments()
    assert ("/usr", "/usr") in pairs(argv, "--ro-bind")
    assert ("usr/bin", "/bin") in pairs(argv, "--symlink")
    assert ("/lib64", "/lib64") in pairs(argv, "--ro-bind")
    assert not [target for _, target in pairs(argv, "--bind") if target not in OWN]


def test_the_kernel_of_the_host_cannot_be_written():
    bound = pairs(arguments(), "--ro-bind")
    assert ("/proc/sys", "/proc/sys") in bound
    assert ("/proc/sysrq-trigger", "/proc/sysrq-trigger") in bound
    assert ("/dev/null", "/proc/kcore") in bound
    argv = arguments()
    assert argv.index("--proc") < argv.index("/proc/sys")


def test_only_needed_files_of_etc():
    targets = [target for _, target in pairs(arguments(), "--ro-bind")]
    assert "/etc/ssl/certs" in targets
    assert "/etc/localtime" in targets
    for secret in ("/etc", "/etc/shadow", "/etc/ssl", "/etc/ssh", "/etc/sudoers", "/etc/pki"):
        assert secret not in targets


def test_the_interpreter_lies_on_top_of_our_own_folders():
    argv = arguments(read_only=("/root/.pyenv/versions/3.11", "/opt/venv"), home="/root")
    targets = argv.index("/root/.pyenv/versions/3.11")
    assert targets > argv.index("/state/s/root")
    bound = pairs(argv, "--bind")
    assert ("/state/s/opt", "/opt") not in bound  # an interpreter lies there
    assert ("/opt/venv", "/opt/venv") in pairs(argv, "--ro-bind")
    assert ("/state/s/local", "/usr/local") in bound


def test_tools_are_not_covered():
    argv = arguments(tools=("/usr/local/go/bin/go", "/opt/node/bin/node"))
    bound = dict(pairs(argv, "--bind"))
    assert "/state/s/local" not in bound
    assert "/state/s/opt" not in bound
    assert ("/opt", "/opt") in pairs(argv, "--ro-bind")


def test_no_mount_point_below_usr_that_does_not_exist():
    machine = Host(exists=lambda _: False, is_directory=lambda path: path == "/usr", link=lambda _: None)
    assert "/usr/local" not in arguments(host=machine, read_only=())


def test_what_is_below_something_bound_is_bound_once():
    argv = arguments(read_only=("/a/venv", "/a/venv/lib", "/usr/lib/python3"))
    assert [source for source, _ in pairs(argv, "--ro-bind") if source.startswith("/a")] == ["/a/venv"]
    assert "/usr/lib/python3" not in argv


def test_the_engines_state_is_hidden_even_inside_something_bound():
    argv = arguments(read_only=("/srv/tree",), hidden=("/srv/tree/state",))
    assert argv.index("/srv/tree/state") > argv.index("/srv/tree")
    assert argv[argv.index("/srv/tree/state") - 1] == "--tmpfs"
    assert "/state" not in arguments()


@pytest.mark.parametrize("prefix", ["/home/me", "/home", "/"])
def test_the_home_directory_is_never_shown(prefix):
    with pytest.raises(PlanError, match="home"):
        arguments(read_only=(prefix,))


def test_own_files_of_etc():
    files = etc_files("s1", None, "nameserver 10.0.0.1\n")
    assert files["resolv.conf"] == "nameserver 10.0.0.1\n"
    assert etc_files("s1", "169.254.1.1", "x")["resolv.conf"] == "nameserver 169.254.1.1\n"
    assert "s1" in files["hosts"]
    assert files["passwd"].startswith("root:x:0:0:")


def test_the_environment_is_our_own(monkeypatch):
    monkeypatch.setenv("HOPX_API_KEY", "secret")
    inside = environment("s1", ["/py/bin"])
    assert inside["PATH"].endswith(":/py/bin")
    assert inside["HOME"] == "/root"
    assert inside["LANG"] == "C.UTF-8"
    assert "secret" not in str(inside)
