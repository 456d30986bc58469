"""The languages that code can be written in, and the programs that run them."""

from __future__ import annotations

import shutil
import sys
from typing import NamedTuple

from hopx_tui.agent.errors import invalid_request


class Interpreter(NamedTuple):
    """A language: its canonical name, the programs that run it (the first that exists), arguments before the
    code, the option that takes code as an argument (None: files only), file suffix."""

    language: str
    programs: tuple[str, ...]
    arguments: tuple[str, ...]
    inline: str | None
    suffix: str


PYTHON = Interpreter("python", ("python3", "python"), ("-u",), "-c", ".py")
NODE = Interpreter("javascript", ("node", "nodejs"), (), "-e", ".js")
BASH = Interpreter("bash", ("bash", "sh"), (), "-c", ".sh")
GO = Interpreter("go", ("go",), ("run",), None, ".go")
LANGUAGES = {
    **dict.fromkeys(("python", "python3"), PYTHON),
    **dict.fromkeys(("javascript", "js", "node", "nodejs"), NODE),
    **dict.fromkeys(("bash", "sh", "shell"), BASH),
    "go": GO,
}


def interpreter_of(language: str | None) -> Interpreter:
    """Python where none is named. Raises AgentError INVALID_REQUEST."""
    found = LANGUAGES.get((language or "python").lower())
    if found is None:
        known = ", ".join(sorted(LANGUAGES))
        raise invalid_request(f"Unknown language {language!r}; known are {known}")
    return found


def find_program(interpreter: Interpreter, search_path: str | None) -> str | None:
    """The interpreter's path; this very Python serves where the sandbox has no other."""
    for name in interpreter.programs:
        found = shutil.which(name, path=search_path)
        if found:
            return found
    return sys.executable if interpreter is PYTHON else None


def available_languages(search_path: str | None) -> list[str]:
    """Canonical names of what can run here."""
    return [each.language for each in (PYTHON, NODE, BASH, GO) if find_program(each, search_path)]
