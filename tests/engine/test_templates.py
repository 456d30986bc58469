"""The catalogue: what is offered depends on the tools that exist and can be seen."""

import sys

from hopx_tui.engine.runtime import Runtime
from hopx_tui.engine.templates import BUILT_IN, Catalogue

RUNTIME = Runtime(sys.executable, ("/py",), (), "/src/hopx_tui")


def catalogue(level="bwrap", **tools):
    return Catalogue(level, RUNTIME, tools.get)


def find(name, offered):
    template = offered.find(name)
    assert template is not None
    return template


def test_missing_tools_are_said():
    offered = catalogue()
    reason = offered.unavailable_reason(find("nodejs", offered))
    assert reason == "node is not installed on this machine."
    described = offered.describe(find("nodejs", offered))
    assert (described["is_active"], described["unavailable_reason"]) == (False, reason)
    assert offered.unavailable_reason(find("base", offered)) is None


def test_a_tool_must_be_visible_inside():
    hidden = {"node": "/home/me/.nvm/node"}
    assert "cannot see it" in (catalogue(**hidden).unavailable_reason(find("nodejs", catalogue())) or "")
    assert catalogue("none", **hidden).unavailable_reason(find("nodejs", catalogue())) is None
    assert catalogue(node="/usr/bin/node").unavailable_reason(find("nodejs", catalogue())) is None
    assert catalogue(go="/py/bin/go").tool_paths(find("go", catalogue())) == ("/py/bin/go",)


def test_names_and_ids_are_unique():
    known = [key for each in BUILT_IN for key in (each.id, each.name)]
    assert len(known) == len(set(known))
    offered = catalogue()
    assert offered.find("101") is offered.find("code-interpreter")
    assert offered.find("nope") is None
    assert offered.limits(BUILT_IN[0]).disk_mb == BUILT_IN[0].disk_gb * 1024
