"""The command line of the engine: run, start, stop, status, env, build, and doctor. Errors are a sentence and an
exit code."""

from __future__ import annotations

import argparse
import errno
import json
import os
import shlex
import sys
from typing import Any

from hopx_tui.engine import daemon, owner
from hopx_tui.engine.daemon import DaemonError, Wish
from hopx_tui.engine.paths import StateDir, StateError, state_dir

OK, REFUSED, USAGE, STATE, PORT, RUNNING, SILENT, ISOLATION = range(8)
IDLE_SECONDS = 600.0
NAMED = 10  # sandboxes that a question lists
YES = ("y", "yes")


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0 done, 1 refused or not running, 2 usage, 3 state directory, 4 port,
    5 already running, 6 no answer, 7 isolation demanded but impossible."""
    options = _parser().parse_args(arguments)
    state = state_dir(options.state_dir, os.environ)
    actions = {
        "run": _run, "start": _start, "stop": _stop, "status": _status, "env": _env, "build": _build, "doctor": _doctor,
    }  # fmt: skip
    try:
        return actions[options.action](options, state)
    except StateError as error:
        return _fail(str(error), STATE)
    except DaemonError as error:
        return _fail(str(error), error.code)
    except OSError as error:
        return _fail(_sentence(error, state), STATE)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hopx-tui engine", description="The local engine: sandboxes on this machine, with no account."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="run|start|stop|status|env|build")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state-dir", metavar="DIR", help="where keys, sandboxes and logs live")
    running = argparse.ArgumentParser(add_help=False)
    running.add_argument("--port", type=_port, help="exactly this port (otherwise the one kept from before)")
    running.add_argument("--isolation", choices=("auto", "bwrap", "none"), default="auto")
    running.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS, help=argparse.SUPPRESS)
    running.add_argument("--agent", help=argparse.SUPPRESS)
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print one JSON line")
    run = actions.add_parser("run", parents=[common, running], help="in the foreground")
    run.add_argument("--daemon", action="store_true", help=argparse.SUPPRESS)
    actions.add_parser("start", parents=[common, running, as_json], help="as a daemon; fine when it runs")
    stop = actions.add_parser("stop", parents=[common], help="end the daemon and all sandboxes")
    stop.add_argument("--force", action="store_true", help="do not ask when sandboxes run")
    actions.add_parser("status", parents=[common, as_json], help="whether it runs, and where")
    actions.add_parser("env", parents=[common], help="export lines for other clients")
    build = actions.add_parser("build", parents=[common], help="install a template's packages before its first use")
    build.add_argument("template", choices=("code-interpreter",))
    actions.add_parser("doctor", parents=[common, as_json], help="what works on this machine (as `hopx-tui doctor`)")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return number


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _fail(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


def _run(options: argparse.Namespace, state: StateDir) -> int:
    try:
        return _run_locked(options, state)
    except (StateError, OSError) as error:
        if not options.daemon:
            raise
        text = _sentence(error, state) if isinstance(error, OSError) else str(error)
        return _report(options, text, STATE)


def _sentence(error: OSError, state: StateDir) -> str:
    reason = error.strerror or "an I/O error"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of the state directory {state.root} is full: make some room and try again."
    return f"The engine cannot use {error.filename or state.root}: {reason}."


def _run_locked(options: argparse.Namespace, state: StateDir) -> int:
    state.prepare()
    lock = owner.lock(state.owner_lock, wait=False)
    if lock is None:
        running = owner.read_running(state)
        where = f" at {running.url} (process {running.pid})" if running is not None else ""
        return _report(options, f"An engine already runs for {state.root}{where}.", RUNNING)
    # only here: `start` and `status` must not pay for the server's libraries
    import logging

    from hopx_tui.engine import isolation, server

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    wanted = server.Options(
        state,
        options.port,
        options.isolation,
        options.idle_seconds,
        options.agent and os.path.abspath(options.agent),
    )

    def announce(running: owner.Running) -> None:
        server.print_announcement(running)
        if options.daemon:
            os.dup2(2, 1)  # the starter has read its line and goes away

    try:
        server.run(wanted, announce)
    except server.PortError as error:
        return _report(options, str(error), PORT)
    except isolation.IsolationError as error:
        return _report(options, f"Isolation was demanded, but {error}", ISOLATION)
    finally:
        os.close(lock)
    return OK


def _report(options: argparse.Namespace, text: str, code: int) -> int:
    """A failure of `run`: to the starter as JSON, to a person as a sentence."""
    if options.daemon:
        _say(json.dumps({"error": text, "code": code}))
        return code
    return _fail(text, code)


def _start(options: argparse.Namespace, state: StateDir) -> int:
    extra = ["--idle-seconds", str(options.idle_seconds)]
    extra += ["--agent", os.path.abspath(options.agent)] if options.agent else []
    running, started = daemon.start(state, Wish(options.port, options.isolation, tuple(extra)))
    if options.json:
        _say(json.dumps({**running.public(), "started": started}))
    else:
        _say(f"The engine {'has started' if started else 'runs'} at {running.url} ({_level(running)}).")
    return OK


def _level(running: owner.Running) -> str:
    return f"isolation: {running.isolation}" + (f"; {running.reason}" if running.reason else "")


def _stop(options: argparse.Namespace, state: StateDir) -> int:
    running = owner.read_running(state)
    if running is None:
        _say("The engine does not run.")
        return OK
    active = daemon.active_sandboxes(running)
    if active and not options.force:
        what = f"{active} sandbox{'es are' if active > 1 else ' is'} running or paused"
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return _fail(f"{what}: their programs would end. Use --force to stop the engine all the same.", USAGE)
        names = daemon.active_names(running, NAMED)
        more = [f"and {active - len(names)} more"] if active > len(names) else []
        _say("\n  ".join([f"{what}:", *names, *more]))
        if not _agreed("Their programs will end, their files stay. Stop the engine? [y/N] "):
            return REFUSED
    daemon.stop(state)
    _say("The engine has stopped.")
    return OK


def _agreed(question: str) -> bool:
    try:
        return input(question).strip().lower() in YES
    except EOFError:  # ctrl+d
        _say("")
        return False


def _status(options: argparse.Namespace, state: StateDir) -> int:
    running = daemon.answering(state)
    if options.json:
        empty: dict[str, Any] = dict.fromkeys(
            ("url", "api_key", "pid", "version", "isolation", "reason"), None
        )
        facts = running.public() if running is not None else empty
        counts = daemon.counts_by_status(running) if running is not None else {}
        _say(json.dumps({**facts, "started": False, "running": running is not None, "sandboxes": counts}))
    elif running is not None:
        _say(f"The engine runs at {running.url} (process {running.pid}; {_level(running)}).")
    else:
        _say("The engine does not run.")
    return OK if running is not None else REFUSED


def _build(_options: argparse.Namespace, state: StateDir) -> int:
    import threading

    from hopx_tui.engine.layers import LayerError, PythonLayer

    state.prepare()
    layer = PythonLayer(state.layers)
    if layer.path is not None:
        _say(f"It is ready: {layer.path}")
        return OK
    try:
        place = layer.build(_say, threading.Event())
    except LayerError as error:
        return _fail(f"The template code-interpreter could not be built: {error}.", REFUSED)
    _say(f"Ready: {place}")
    return OK


def _doctor(options: argparse.Namespace, state: StateDir) -> int:
    from hopx_tui.engine import doctor

    report = doctor.examine(state)
    _say(json.dumps(report.as_json()) if options.json else report.as_text())
    return OK if report.isolated else REFUSED


def _env(_options: argparse.Namespace, state: StateDir) -> int:
    running = owner.read_running(state)
    if running is not None:
        url, key = running.url, running.api_key
    else:
        if not state.settings.exists():
            return _fail("The engine has never run here: `hopx-tui engine start` first.", REFUSED)
        settings = owner.load_settings(state)
        if settings.port is None:
            return _fail("The engine has no port yet: `hopx-tui engine start` first.", REFUSED)
        url, key = f"http://127.0.0.1:{settings.port}", settings.api_key
        sys.stderr.write("# The engine does not run now: `hopx-tui engine start`.\n")
    _say(f"export HOPX_BASE_URL={shlex.quote(url)} HOPX_API_KEY={shlex.quote(key)}")
    return OK
