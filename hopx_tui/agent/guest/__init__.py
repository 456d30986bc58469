"""Programs that the sandbox's own Python runs (3.8 or newer, whichever comes first on its PATH). They lie here to be
loaded by path: they import the standard library and each other's files only, never this package."""

from __future__ import annotations

import os
from collections.abc import Sequence

NAME = "hopx_guest"
# As an expression, so that the user's `__main__` gets no names of ours; through the loader, so that compiled files
# are used; with `-c`, so that sys.path, multiprocessing and pickle find what they find with `python -c`.
_BOOT = (
    "exec(__import__('_frozen_importlib_external').SourceFileLoader({name!r},{path!r}).get_code({name!r}),"
    "{{'__name__':{name!r},'__file__':{path!r},'__builtins__':__builtins__}})"
)


def guest_command(program: str, script: str, arguments: Sequence[str]) -> list[str]:
    """The argv that runs `script` (a file's name here) with `arguments` in sys.argv[1:]."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), script)
    return [program, "-u", "-c", _BOOT.format(name=NAME, path=path), *arguments]
