"""What the serving process loads."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from hopx_tui.agent import lean
from tests.agent.running import ROOT


def run(script):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_neither_the_client_nor_tls_is_loaded():
    loaded = run(
        """
        import sys
        from hopx_tui.agent import lean
        assert lean.import_server()
        import hopx_tui.agent.server
        print(*sys.modules)
        """
    )
    assert "aiohttp.web_server" in loaded
    assert not {"aiohttp.client", "aiohttp.connector", "ssl", "_ssl", "textual", "httpx"} & set(loaded)
    assert "urllib.request" not in loaded  # nor is what stood for it left behind
    foreign = {name for name in loaded if name.startswith("hopx_tui") and "agent" not in name}
    assert foreign == {"hopx_tui", "hopx_tui.accepting"}


def test_where_it_fails_everything_is_imported_as_usual():
    words = run(
        """
        import sys
        from hopx_tui.agent import lean
        lean.SERVER_MODULES = ("web_server", "not_there")
        print(lean.import_server())
        import aiohttp
        print("aiohttp.client" in sys.modules, bool(aiohttp.__version__))
        """
    )
    assert words == ["False", "True", "True"]


def test_once_loaded_it_stays():
    import aiohttp

    assert aiohttp.__version__
    assert lean.import_server() is False
