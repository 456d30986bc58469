"""Runs in the environment of the vendor's CLI: its commands one after the other, without a start of Python for each.

One JSON list of arguments a line in; one JSON object `{"code", "stdout"}` a line out.
"""

import json
import sys

from hopx_cli.main import app
from typer.testing import CliRunner

for line in sys.stdin:
    result = CliRunner().invoke(app, json.loads(line))
    answer = {"code": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
    sys.__stdout__.write(json.dumps(answer) + "\n")
    sys.__stdout__.flush()
