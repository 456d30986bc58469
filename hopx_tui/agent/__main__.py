"""`python -m hopx_tui.agent --control-fd C --listen-fd L`: the agent's entry point."""

from __future__ import annotations

import gc
import sys

USAGE = "usage: python -m hopx_tui.agent --control-fd C --listen-fd L [--supervised] (started by the engine)"
SUPERVISED = "--supervised"


def parse(arguments: list[str]) -> tuple[int, int]:
    """The two descriptors. Raises ValueError; argparse would cost 6 ms of every start."""
    values: dict[str, int] = {}
    words = iter(arguments)
    for word in words:
        name, _, value = word.partition("=")
        if name not in ("--control-fd", "--listen-fd"):
            raise ValueError(f"unknown argument {word}")
        values[name] = int(value or next(words, ""))
    if len(values) != 2:
        raise ValueError("both --control-fd and --listen-fd are needed")
    return values["--control-fd"], values["--listen-fd"]


def main(arguments: list[str]) -> int:
    """Supervise a serving child; its exit status, 2 for wrong arguments. With --supervised the parent of this process
    holds the engine's lifeline and ends everything, so that this process serves itself."""
    gc.disable()  # looking for garbage during the imports takes a tenth of the start; the server turns it on again
    try:
        control_fd, listen_fd = parse([each for each in arguments if each != SUPERVISED])
    except ValueError as error:
        sys.stderr.write(f"{error}\n{USAGE}\n")
        return 2
    from hopx_tui.agent.supervisor import serve_supervised, supervise

    def serve() -> int:
        from hopx_tui.agent.lean import import_server

        import_server()
        from hopx_tui.agent.server import serve as run

        return run(control_fd, listen_fd)

    if SUPERVISED in arguments:
        return serve_supervised(serve)
    return supervise(control_fd, listen_fd, serve)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
