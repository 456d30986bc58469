"""A sandbox that means harm: links, FIFOs and holes where the engine looks next, and trees made to break it."""

import os
import shutil
import time

import pytest

from tests.engine.driver import inside, isolation_works, until

pytestmark = pytest.mark.skipif(not isolation_works(), reason="no sandboxes on this machine")


@pytest.fixture(scope="module")
def level():
    return "bwrap"


@pytest.fixture
def victim(tmp_path):
    """A folder of the host with one precious file."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "precious").write_text("precious\n")
    return folder


def untouched(victim):
    return sorted(path.name for path in victim.iterdir()) == ["precious"] and (
        victim / "precious"
    ).read_text() == "precious\n"


def again(engine, sandbox):
    """Stop and start."""
    assert engine.move(sandbox, "stop").status_code == 200
    begun = time.monotonic()
    answer = engine.move(sandbox, "start")
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - begun < 15


def test_links_in_etc_are_never_followed(engine, sandbox, victim):
    own = engine.state / "sandboxes" / sandbox["id"]
    for prefix in ("", "/oldroot"):
        inside(
            sandbox,
            "cd /etc; rm -f resolv.conf hosts passwd group hostname;"
            f"ln -s {prefix}{victim}/precious resolv.conf; ln -s {prefix}{victim}/new hosts;"
            f"ln -s {prefix}{victim}/passwd passwd; mkdir group; mkfifo hostname",
        )
        again(engine, sandbox)
        assert untouched(victim)
        for name in ("resolv.conf", "hosts", "passwd", "group", "hostname"):
            assert not (own / "etc" / name).is_symlink()
            assert (own / "etc" / name).is_file(), name
    assert "nameserver" in inside(sandbox, "cat /etc/resolv.conf") or not os.path.getsize("/etc/resolv.conf")


def test_a_fifo_does_not_hang_the_engine(engine, sandbox):
    inside(sandbox, "rm -f /etc/resolv.conf; mkfifo /etc/resolv.conf; mv /etc/ssl /etc/x; mkfifo /etc/ssl")
    again(engine, sandbox)
    assert engine.api.get("/health", timeout=5).status_code == 200


def test_mount_points_are_real_directories_again(engine, sandbox, victim):
    top = inside(sandbox, "ls -A /root").split()
    lines = "".join(
        f"mv /root/{name} /root/x-{name}; ln -s /oldroot{victim} /root/{name};" for name in top if name[0] == "."
    )
    inside(
        sandbox,
        f"{lines} mv /etc/ssl /etc/old.ssl; ln -s /oldroot{victim} /etc/ssl;"
        f"mv /etc/pki /etc/old.pki; ln -s {victim} /etc/pki; echo mine > /root/note",
    )
    again(engine, sandbox)
    assert untouched(victim)
    own = engine.state / "sandboxes" / sandbox["id"]
    for name in top:
        assert not (own / "root" / name).is_symlink(), name
    assert not (own / "etc" / "ssl").is_symlink()
    assert inside(sandbox, "cat /root/note") == "mine\n"
    assert "oldroot" in inside(sandbox, "ls -la /etc/ | grep aside")  # what lay there is kept, out of the way


def test_dangling_entries_and_locked_folders_do_not_prevent_a_start(engine, sandbox):
    inside(
        sandbox,
        "mv /etc/ssl /etc/old.ssl; ln -s /nowhere /etc/ssl; mv /etc/pki /etc/old.pki; echo > /etc/pki;"
        "chmod 0 /etc /root /opt",
    )
    again(engine, sandbox)
    again(engine, sandbox)


def test_the_certificates_are_there_after_every_start(engine, sandbox):
    if not os.path.isdir("/etc/ssl/certs") or not os.listdir("/etc/ssl/certs"):
        pytest.skip("no certificates on this machine")
    count = inside(sandbox, "ls /etc/ssl/certs | wc -l; wc -c < /etc/ld.so.cache")
    assert int(count.split()[0]) > 0
    again(engine, sandbox)
    assert inside(sandbox, "ls /etc/ssl/certs | wc -l; wc -c < /etc/ld.so.cache") == count


def test_files_of_etc_that_the_sandbox_wrote_stay(engine, sandbox):
    inside(sandbox, "echo '10.1.1.1 mine' >> /etc/hosts")
    again(engine, sandbox)
    assert "10.1.1.1 mine" in inside(sandbox, "cat /etc/hosts")


def test_a_deep_tree_does_not_end_the_deletion(engine):
    sandbox, after = engine.create(), engine.create()
    said = inside(
        sandbox,
        "python3 -c \"import os\nfor i in range(3000):\n os.mkdir('d' * 100); os.chdir('d' * 100)\nprint('deep')\"",
    )
    assert said == "deep\n"
    engine.kill(sandbox)
    engine.kill(after)
    until(lambda: not list((engine.state / "trash").iterdir()), "the deletion of both", 15)


def test_a_huge_log_is_never_read_as_a_whole(engine):
    sandbox = engine.create()
    inside(sandbox, "truncate -s 1500M /proc/1/fd/1; head -c 3000000 /dev/zero | tr '\\0' 'x' > /proc/1/fd/1")
    log = engine.state / "sandboxes" / sandbox["id"] / "agent.log"
    assert not log.exists() or log.stat().st_size < 2 << 20
    engine.kill(sandbox)


def test_messages_name_no_host_path(engine, sandbox):
    assert engine.move(sandbox, "stop").status_code == 200
    folder = engine.state / "sandboxes" / sandbox["id"]
    log = folder / "agent.log"
    log.unlink(missing_ok=True)
    with open(log, "wb") as file:
        file.truncate(1500 << 20)
        file.seek(0, 2)
        file.write(b"\nold words\n")
    shutil.move(folder / "workspace", folder / "kept")
    (folder / "workspace").write_text("")
    folder.chmod(0o700)
    (folder / "opt").rename(folder / "opt.kept")
    answer = engine.move(sandbox, "start")
    assert answer.status_code in (200, 409)
    assert str(engine.state) not in answer.text
    assert "Errno" not in answer.text
