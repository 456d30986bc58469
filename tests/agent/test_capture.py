"""guest/capture.py: code runs as `python -c` runs it, and what it displays comes over another descriptor."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hopx_tui.agent import guest
from hopx_tui.agent.guest import guest_command
from hopx_tui.agent.rich import read_frames


def plain(code, **options):
    done = subprocess.run(
        [sys.executable, "-u", "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options
    )
    return done.returncode, done.stdout, done.stderr


def captured(code, *more, **options):
    read, write = os.pipe()
    frames = []
    argv = guest_command(sys.executable, "capture.py", [str(write), code, *more])

    def collect():
        with os.fdopen(read, "rb") as file:
            frames.append(file.read())

    reader = threading.Thread(target=collect)
    with subprocess.Popen(
        argv,
        pass_fds=(write,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    ) as process:
        os.close(write)
        reader.start()
        out, err = process.communicate(timeout=30)
    reader.join(10)
    return (process.returncode, out, err), list(read_frames(frames[0]))


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n  1/0\nf()",
        "try:\n  1/0\nexcept ZeroDivisionError as error:\n  raise KeyError('a') from error",
        "1 +",
        "print('never')\nawait x",
        "import os, tempfile; os.closerange(3, 500); file = tempfile.TemporaryFile()\n"
        "print(file.fileno())\nimport atexit; atexit.register(lambda: print(os.fstat(file.fileno()).st_size))\n5",
        "+".join(["1"] * 1500) + ";print('deep')",
        "return 5",
        "import sys; sys.exit(3)",
        "raise KeyboardInterrupt",
        "import sys\nsys.excepthook = lambda kind, error, trace: print(kind, trace.tb_lineno, trace.tb_next)\n1/0",
        "import sys; print(sys.argv, __name__, sys.path[0] == '', sorted(globals()), __spec__)",
        "import os, multiprocessing as m, pickle\nclass A: pass\ndef f(x): return type(x)\n"
        "if __name__ == '__main__':\n"
        "  with m.get_context('fork').Pool(1) as pool: print(pool.map(f, [A()]))\n"
        "  with m.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-1]))\n"
        "print(A.__module__)",
        "from __future__ import annotations\nx: unknown = 1\nprint(__annotations__)",
        "import atexit; atexit.register(print, 'bye')\nassert 0",
    ],
)
def test_nothing_differs_from_plain_python(code):
    outcome, frames = captured(code)
    assert outcome == plain(code)
    assert frames == []


def test_the_last_expression_is_the_result():
    for code, result in (("x = 6\nx * 7", "42"), ("'text'", "'text'"), ("x = 1; x;", None), ("None", None)):
        outcome, frames = captured(code)
        assert outcome == (0, "", "")
        assert [frame.data for frame in frames] == ([result] if result else [])


def test_code_from_a_file_and_children_that_display_nothing(tmp_path):
    file = tmp_path / "code.py"
    file.write_text("import os, sys\nif os.fork() == 0:\n    display({'a': 1})\nelse:\n    os.wait()\nsys.argv")
    outcome, frames = captured("", str(file))
    assert outcome == (0, "{'a': 1}\n", "")
    assert [frame.data for frame in frames] == ["['-c']"]


def test_plain_code_pays_for_no_import():
    code = "import sys; print(*sorted(sys.modules))"
    (_, out, _), frames = captured(f"{code}\n5", env={})
    assert set(out.split()) - set(plain(code, env={})[1].split()) == {"_ast", "hopx_display"}
    assert [frame.data for frame in frames] == ["5"]


def test_old_interpreters_understand_the_guest_programs():
    folder = Path(guest.__file__).parent
    for path in folder.glob("*.py"):
        if path.name != "__init__.py":
            tree = ast.parse(path.read_bytes(), path, feature_version=(3, 8))
            imported = {
                (node.module if isinstance(node, ast.ImportFrom) else alias.name) or ""
                for node in ast.walk(tree)
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names
            }
            assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
