"""The checks of readyCmd."""

import http.server
import os
import socket
import threading

import pytest

from hopx_tui.engine import readiness


@pytest.fixture
def web():
    """A web server that answers 200 on / and 404 elsewhere."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def check(**ready):
    return readiness.check(ready, lambda path: path, {"PATH": os.defpath})()


def test_ports_and_urls(web):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        assert not check(type="port", port=taken.getsockname()[1])
    assert check(type="port", port=web)
    assert check(type="url", url=f"http://127.0.0.1:{web}/")
    assert not check(type="url", url=f"http://127.0.0.1:{web}/none")
    assert not check(type="url", url="nonsense")


def test_files_processes_and_commands(tmp_path, monkeypatch):
    assert check(type="file", path=str(tmp_path))
    assert not check(type="file", path=str(tmp_path / "none"))
    with open("/proc/self/comm") as file:
        assert check(type="process", process_name=file.read().strip())
    assert not check(type="process", process_name="nobody-has-this-name")
    assert check(type="command", command="true")
    assert not check(type="command", command="exit 3")
    monkeypatch.setattr(readiness, "TRY_SECONDS", 0.1)
    assert not check(type="command", command="sleep 5")
