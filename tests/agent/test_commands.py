"""Foreground commands."""

from __future__ import annotations

import asyncio
import time

from tests.agent.conftest import assert_error
from tests.agent.running import alive, marked, wait_until


async def test_output_exit_code_and_fields(site):
    out = await site.run("echo out; echo err >&2; exit 3")
    assert (out["stdout"], out["stderr"], out["exit_code"], out["success"]) == ("out\n", "err\n", 3, False)
    assert out["pid"] > 0
    assert out["command"].startswith("echo out")
    assert out["execution_time"] > 0


async def test_args_are_an_argv_and_no_args_a_shell_line(site):
    out = (await site.post("/commands/run", command="printf", args=["%s|", "a b", "$HOME"])).json()
    assert out["stdout"] == "a b|$HOME|"
    assert (await site.run("printf '%s' $((1+2))", args=[]))["stdout"] == "3"
    assert (await site.post("/commands/run", command="bash", args=["-c", "exit 5"])).json()["exit_code"] == 5


async def test_both_names_of_the_working_directory(site):
    (site.workspace / "one").mkdir()
    (site.workspace / "two").mkdir()
    assert (await site.run("pwd"))["stdout"] == f"{site.workspace}\n"
    assert (await site.run("pwd", workdir="/workspace/one"))["stdout"].endswith("/one\n")
    assert (await site.run("pwd", working_dir="/workspace/two"))["stdout"].endswith("/two\n")
    both = await site.run("pwd", workdir="/workspace/one", working_dir="/workspace/two")
    assert both["stdout"].endswith("/one\n")
    assert (await site.run("pwd", workdir=None))["stdout"] == f"{site.workspace}\n"
    assert (await site.run("pwd", workdir="/tmp"))["stdout"] == "/tmp\n"
    assert (await site.run("pwd", workdir="two"))["stdout"].endswith("/two\n")
    answer = await site.post("/commands/run", command="pwd", workdir="/workspace/none")
    assert_error(answer, 404, "DIRECTORY_NOT_FOUND")


async def test_stdin_is_closed_and_signals_count(site):
    assert (await site.run("cat; echo end"))["stdout"] == "end\n"
    assert (await site.run("kill -9 $$"))["exit_code"] == 137


async def test_what_cannot_start_ends_as_a_shell_would_say(site):
    out = (await site.post("/commands/run", command="no-such-program", args=["x"])).json()
    assert (out["exit_code"], out["success"]) == (127, False)
    (site.workspace / "plain").write_text("x")
    out = (await site.post("/commands/run", command=str(site.workspace / "plain"), args=["x"])).json()
    assert out["exit_code"] == 126
    assert_error(await site.post("/commands/run", command="a\0b", args=["x"]), 400, "INVALID_REQUEST")
    assert_error(await site.post("/commands/run", args=["x"]), 400, "MISSING_PARAMETER")
    assert_error(await site.post("/commands/run", command="x", env={"": "x"}), 400, "INVALID_REQUEST")


async def test_a_timeout_ends_the_whole_tree(site):
    started = time.monotonic()
    script = (
        "echo before; (setsid sh -c 'sleep 4242 & sleep 4242') & setsid --fork sleep 4243; trap '' TERM; sleep 4244"
    )
    out = await site.run(script, timeout=0.4)
    assert time.monotonic() - started < 4
    assert (out["exit_code"], out["success"], out["timed_out"]) == (124, False, True)
    assert out["stdout"] == "before\n"
    assert "timed out after 0.4s" in out["stderr"]
    assert not any(marked(f"sleep\0{seconds}") for seconds in (4242, 4243, 4244))


async def test_a_background_process_does_not_hold_the_answer(site):
    started = time.monotonic()
    out = await site.run("(while true; do echo x; sleep 0.01; done) & echo $!")
    assert time.monotonic() - started < 3
    pid = int(out["stdout"].split()[0])
    await asyncio.sleep(0.1)
    assert alive(pid), "a daemon must not die of SIGPIPE when its starter has answered"
    await site.run(f"kill {pid}")
    wait_until(lambda: not alive(pid))


async def test_endless_output_is_capped_not_stored(site):
    out = await site.run("head -c 17000000 /dev/zero | tr '\\0' x; echo done >&2")
    assert len(out["stdout"]) < (16 << 20) + 100
    assert "[output truncated: " in out["stdout"]
    assert out["stderr"] == "done\n"


async def test_broken_utf8_is_replaced(site):
    assert (await site.run("printf 'a\\377b'"))["stdout"] == "a\ufffdb"


async def test_fifty_at_once(site):
    outs = await asyncio.gather(*(site.run(f"echo {number}") for number in range(50)))
    assert [out["stdout"] for out in outs] == [f"{number}\n" for number in range(50)]


async def test_more_variables_than_the_system_takes(site):
    big = {f"V{i}": "x" * 100_000 for i in range(40)}
    for route, body in (
        ("/commands/run", {"command": "true", "env": {"V": "x" * 300_000}}),
        ("/commands/run", {"command": "true", "env": big}),
        ("/commands/background", {"command": "true", "env": big}),
        ("/commands/run", {"command": "true", "args": ["x" * 300_000]}),
        ("/execute", {"code": "1", "env": big}),
    ):
        body = assert_error(await site.post(route, **body), 400, "INVALID_REQUEST")
        assert "longer than this system takes" in body["message"]
