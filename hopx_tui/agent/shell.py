"""Which shells there are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

INTERACTIVE = ("bash", "zsh", "fish", "dash", "sh", "ksh", "ash")
PROMPT = r"\[\e[1;36m\]\h\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ "
PLAIN_PROMPT = "$PWD $ "


def find_shell() -> str:
    """bash, or sh where there is none."""
    return shutil.which("bash") or "/bin/sh"


def interactive_shell(variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The command of a terminal, and the variables that make its prompt: $SHELL if it is a known one that
    exists, else bash or sh.

    PS1 is only a default: the shell's own start-up files set theirs.
    """
    wanted = variables.get("SHELL", "")
    name = os.path.basename(wanted)
    if name not in INTERACTIVE or not os.path.isabs(wanted) or not os.access(wanted, os.X_OK):
        wanted = find_shell()
        name = os.path.basename(wanted)
    prompt = {"bash": PROMPT, "dash": PLAIN_PROMPT, "sh": PLAIN_PROMPT, "ash": PLAIN_PROMPT}.get(name)
    return [wanted, "-i"], {"SHELL": wanted, **({"PS1": prompt} if prompt else {})}
