"""Listening sockets that the engine allots and silences."""

import socket

import pytest

from hopx_tui.engine import ports, previews
from hopx_tui.engine.previews import PreviewError, Previews


def refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture
def opened():
    made = Previews()
    yield made
    made.end()


def test_opening_and_closing(opened):
    one = opened.open(80)
    port = one.getsockname()[1]
    assert one.getsockname()[0] == "127.0.0.1"
    assert opened.open(80) is one
    assert opened.open(81).getsockname()[1] != port
    assert not refused(port)
    opened.close(80)
    opened.close(80)
    assert refused(port)


def test_silence_reaches_every_copy_and_ends(opened):
    listener = opened.open(80)
    port = listener.getsockname()[1]
    with listener.dup() as copy:
        waiting = socket.create_connection(("127.0.0.1", port), 2)
        opened.silence()
        assert refused(port)
        waiting.settimeout(5)
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
        waiting.close()
        with pytest.raises(PreviewError, match="does not run"):
            opened.open(81)
        opened.listen()
        assert not refused(port)
        opened.end()
        assert refused(port), "although the agent may hold its copy"
        assert copy.fileno() >= 0
    with pytest.raises(PreviewError):
        opened.open(82)


def test_bounds_and_shortage(opened, monkeypatch):
    monkeypatch.setattr(previews, "MOST", 1)
    opened.open(80)
    with pytest.raises(PreviewError, match="1 previews"):
        opened.open(81)
    opened.close(80)

    def none_left():
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(ports, "listen_anywhere", none_left)
    with pytest.raises(PreviewError, match="no port is free: Too many"):
        opened.open(80)


def test_a_port_lost_during_the_pause_is_given_up(opened, monkeypatch):
    chosen = []

    def by_the_kernel():
        listener = ports.listen(0)
        chosen.append(listener.getsockname()[1])
        return listener

    monkeypatch.setattr(ports, "listen_anywhere", by_the_kernel)
    opened.open(80)
    opened.silence()
    opened.listen()
    assert refused(chosen[0])
    assert opened.open(80).getsockname()[1] == chosen[1]


def test_a_listener_that_cannot_listen_again_is_given_up(opened):
    opened.open(80).detach()
    opened.silence()
    opened.listen()
    assert opened._open == {}
