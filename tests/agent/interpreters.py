"""Which Python a test's sandbox has: this one with its libraries, or one without any."""

from __future__ import annotations

import os
import sys

_COVERAGE = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
# Programs of the sandbox are measured as well when the tests are.
LIBRARIES = {"PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", **_COVERAGE}


def plain_python(directory):
    """Variables whose python3 cannot import IPython, whatever is installed."""
    folder = directory / "plain"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "python3"
    hidden = folder / "hidden"
    (hidden / "IPython").mkdir(parents=True, exist_ok=True)
    (hidden / "IPython" / "__init__.py").write_text("raise ImportError('not in this sandbox')\n")
    wrapper.write_text(f"#!/bin/sh\nPYTHONPATH={hidden} exec {sys.executable} \"$@\"\n")
    wrapper.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", **_COVERAGE}
