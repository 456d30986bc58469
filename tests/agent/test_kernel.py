"""The persistent kernel: `/execute/ipython` and `/jupyter/sessions`."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.agent.conftest import assert_error
from tests.agent.interpreters import LIBRARIES, plain_python
from tests.agent.running import alive, marked, wait_until


@pytest.fixture
async def plain(make_site, tmp_path):
    return await make_site(env=plain_python(tmp_path))


async def run(site, code, **more):
    answer = await site.post("/execute/ipython", code=code, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def session(site):
    rows = (await site.get("/jupyter/sessions")).json()["sessions"]
    return rows[0] if rows else None


async def test_state_lives_on_and_the_last_value_is_the_result(plain):
    assert await session(plain) is None
    out = await run(plain, "x = 20\nprint('set')")
    assert (out["stdout"], out["success"], out["exit_code"], out["language"]) == ("set\n", True, 0, "python")
    assert "result" not in out
    assert (await run(plain, "x + 1"))["result"] == "21"
    assert (await run(plain, "_ + 1"))["result"] == "22"
    assert "result" not in await run(plain, "x;")
    out = await run(plain, "import asyncio\nawait asyncio.sleep(0, 'awaited')")
    assert out["result"] == "'awaited'"
    row = await session(plain)
    assert (row["execution_state"], row["implementation"], row["execution_count"]) == ("idle", "python", 5)
    assert alive(row["pid"])
    out = await run(plain, "import os, sys; os.system('echo child; echo err >&2'); print(os.getpid(), __name__)")
    assert out["stdout"] == f"child\n{row['pid']} __main__\n"
    assert out["stderr"] == "err\n"


async def test_errors_are_told_as_python_tells_them(plain):
    out = await run(plain, "def f():\n    return 1 / 0\nf()")
    assert (out["success"], out["exit_code"]) == (False, 1)
    assert out["stderr"].splitlines()[-1] == "ZeroDivisionError: division by zero"
    assert "    return 1 / 0" in out["stderr"]
    assert out["stderr"].count("File ") == 2
    out = await run(plain, "1 +")
    assert (out["exit_code"], out["stderr"].splitlines()[-1]) == (1, "SyntaxError: invalid syntax")
    assert (await run(plain, "import sys; sys.exit(7)"))["exit_code"] == 7
    out = await run(plain, "sys.exit('bye')")
    assert (out["exit_code"], out["stderr"]) == (1, "bye\n")
    assert (await run(plain, "exit()"))["exit_code"] == 0
    out = await run(plain, "async def g():\n    raise KeyError('k')\nawait g()")
    assert out["stderr"].splitlines()[-1] == "KeyError: 'k'"
    assert "asyncio" not in out["stderr"]
    assert_error(await plain.post("/execute/ipython", timeout=1), 400, "MISSING_PARAMETER")
    assert_error(await plain.post("/execute/ipython", code="1", env={"a=b": "c"}), 400, "INVALID_REQUEST")


async def test_variables_of_a_call_do_not_leak_and_those_of_the_sandbox_stay(plain):
    code = "import os; print(os.environ.get('MINE'), os.environ.get('OURS'), os.environ['HOPX_SANDBOX_ID'] != '')"
    assert (await run(plain, code, env={"MINE": "1", "OURS": "call"}))["stdout"] == "1 call True\n"
    assert (await run(plain, code))["stdout"] == "None None True\n"
    await plain.http.patch("/env", json={"env_vars": {"OURS": "2"}})
    assert (await run(plain, code, env={"OURS": "3"}))["stdout"] == "None 3 True\n"
    assert (await run(plain, code))["stdout"] == "None 2 True\n"
    await plain.http.request("DELETE", "/env/OURS")
    assert (await run(plain, code))["stdout"] == "None None True\n"


async def test_calls_run_one_after_another(plain):
    await run(plain, "n = 0\nimport time")
    slow = "m = n; time.sleep(0.02); n = m + 1"
    await asyncio.gather(*(run(plain, slow) for _ in range(5)))
    assert (await run(plain, "n"))["result"] == "5"
    first = asyncio.create_task(run(plain, "time.sleep(1)"))
    async with asyncio.timeout(5):
        while (await session(plain))["execution_state"] != "busy":
            await asyncio.sleep(0.01)
    out = await run(plain, "n = 'never'", timeout=0.1)
    assert (out["exit_code"], out["timed_out"]) == (124, True)
    assert "was not run" in out["stderr"]
    await first
    assert (await run(plain, "n"))["result"] == "5"


async def test_a_timeout_interrupts_and_keeps_the_state(plain):
    await run(plain, "kept = 'here'")
    started = time.monotonic()
    code = "print('begun')\nimport subprocess\ntry:\n    subprocess.call(['sleep', '4271'])\nfinally: print('ended')"
    out = await run(plain, code, timeout=0.3)
    assert time.monotonic() - started < 3
    assert (out["exit_code"], out["success"], out["timed_out"]) == (124, False, True)
    assert out["stdout"] == "begun\nended\n"
    assert "timed out after 0.3s" in out["stderr"]
    assert "state is kept" in out["stderr"]
    assert (await run(plain, "kept"))["result"] == "'here'"
    assert not marked("sleep\x004271")
    out = await run(plain, "import asyncio; await asyncio.sleep(60)", timeout=0.3)
    assert "state is kept" in out["stderr"]
    assert (await run(plain, "await asyncio.sleep(0, kept)"))["result"] == "'here'"


async def test_a_kernel_that_does_not_yield_is_ended_with_its_tree(plain):
    pid = int((await run(plain, "import os; os.getpid()"))["result"])
    code = (
        "import subprocess, time\nsubprocess.Popen(['setsid', '--fork', 'sleep', '4272'])\n"
        "while True:\n    try: time.sleep(60)\n    except KeyboardInterrupt: pass"
    )
    out = await run(plain, code, timeout=0.3)
    assert (out["exit_code"], out["timed_out"]) == (124, True)
    assert "state is lost" in out["stderr"]
    assert not alive(pid)
    assert not marked("sleep\x004272")
    assert await session(plain) is None
    assert (await run(plain, "'os' in globals()"))["result"] == "False"


@pytest.mark.parametrize(
    ("code", "exit_code"), [("os._exit(5)", 5), ("os.kill(os.getpid(), 9)", 137), ("os._exit(0)", 1)]
)
async def test_a_kernel_that_dies_is_replaced(plain, code, exit_code):
    await run(plain, "import os; x = 1")
    out = await run(plain, f"print('last', flush=True); {code}")
    assert (out["success"], out["exit_code"], out["stdout"]) == (False, exit_code, "last\n")
    assert "state is lost; the next call starts a new one" in out["stderr"]
    assert (await run(plain, "'x' in globals()"))["result"] == "False"


async def test_one_that_was_killed_between_calls_is_replaced(plain):
    pid = int((await run(plain, "import os; os.getpid()"))["result"])
    await plain.run(f"kill -9 {pid}")
    wait_until(lambda: not alive(pid))
    assert (await run(plain, "1"))["result"] == "1"
    assert (await session(plain))["pid"] != pid


async def test_a_forked_child_does_not_become_a_second_kernel(plain):
    code = "import os, sys\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nsys.stdout.write('x'); pid > 0"
    out = await run(plain, code)
    assert (out["stdout"], out["result"]) == ("xx", "True")
    for number in range(3):
        assert (await run(plain, str(number)))["result"] == str(number)


async def test_one_may_end_the_kernel(plain):
    await run(plain, "x = 1")
    kernel_id = (await session(plain))["kernel_id"]
    busy = asyncio.create_task(run(plain, "import time; time.sleep(60)"))
    async with asyncio.timeout(5):
        while (await session(plain))["execution_state"] != "busy":
            await asyncio.sleep(0.01)
    assert (await plain.http.request("DELETE", f"/jupyter/sessions/{kernel_id}")).json()["success"] is True
    assert "state is lost" in (await busy)["stderr"]
    assert await session(plain) is None
    answer = await plain.http.request("DELETE", f"/jupyter/sessions/{kernel_id}")
    assert_error(answer, 404, "PROCESS_NOT_FOUND")
    assert (await run(plain, "'x' in globals()"))["result"] == "False"


async def test_a_kernel_that_talks_nonsense_on_our_socket_is_ended(plain):
    code = (
        "import os, stat\nfor fd in range(3, 500):\n    try:\n"
        "        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'\\xff' * 8)\n    except OSError: pass"
    )
    out = await run(plain, code)
    assert (out["success"], out["exit_code"]) == (False, 1)
    assert (await run(plain, "40 + 2"))["result"] == "42"


async def test_a_python_that_cannot_start(make_site, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    (tmp_path / "bin" / "python3").chmod(0o755)
    site = await make_site(env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    out = await run(site, "1")
    assert (out["success"], out["exit_code"]) == (False, 1)
    assert out["stderr"] == "the kernel did not start\nbroken\n"
    (tmp_path / "bin" / "python3").write_bytes(b"\x7fELF no program")
    assert "could not be started" in (await run(site, "1"))["stderr"]


async def test_ipython_where_it_is_installed(make_site):
    site = await make_site(env=LIBRARIES)
    out = await run(site, "x = 6\nprint('a')\nx * 7")
    assert (out["stdout"], out["result"], out["stderr"]) == ("a\n", "42", "")
    row = await session(site)
    assert row["implementation"] == "ipython"
    assert (await run(site, "!echo $((1+1)); echo e >&2\nfiles = !echo one\nfiles[0], Out[1], len(In)"))["result"] == (
        "('one', 42, 3)"
    )
    assert (await run(site, "%time\nimport asyncio\nawait asyncio.sleep(0, 'awaited')"))["result"] == "'awaited'"
    out = await run(site, "def f():\n    1/0\nf()")
    assert (out["exit_code"], out["stdout"]) == (1, "")
    assert "ZeroDivisionError: division by zero" in out["stderr"]
    assert "\x1b" not in out["stderr"]
    out = await run(site, "import sys; sys.exit(4)")
    assert (out["exit_code"], out["stderr"]) == (4, "")
    assert (await run(site, "exit"))["exit_code"] == 0
    out = await run(site, "import time; time.sleep(60)", timeout=0.3)
    assert (out["exit_code"], "state is kept" in out["stderr"]) == (124, True)
    out = await run(
        site,
        "import matplotlib.pyplot as plt, pandas as pd\nfrom IPython.display import display, HTML, Markdown\n"
        "plt.plot([x]); display(HTML('<i>'), Markdown('*m*'))\npd.DataFrame({'a': [x]})",
    )
    assert out["png"].startswith("iVBOR")
    assert out["dataframe"]["data"] == [[6]]
    assert (out["markdown"], "<table" in out["html"], out["stdout"], out["stderr"]) == ("*m*", True, "", "")
    assert "png" not in await run(site, "1"), "figures belong to the call that drew them"
    assert not (site.home / ".ipython").exists()
