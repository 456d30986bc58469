"""The catalogue: what is offered depends on the tools that exist and can be seen, and on what was built here."""

import sys
from pathlib import Path

import pytest

from hopx_tui.engine.outfit import Outfit
from hopx_tui.engine.runtime import Runtime
from hopx_tui.engine.saved import Saved
from hopx_tui.engine.templates import BUILT_IN, Catalogue, built_in

RUNTIME = Runtime(sys.executable, ("/py",), (), "/src/hopx_tui")


class Environment:
    """Stands in for the Python environment."""

    def __init__(self, reason=None, building=False):
        self._reason = reason
        self.building = building
        self.waited = 0

    def reason(self):
        return self._reason

    def note(self):
        return "Nearly." if self.building else ""

    def progress(self):
        return "installing" if self.building else None

    def outfit(self):
        return Outfit(shown={"/run/x": "/real"}, path=("/run/x/bin",))

    async def ensure(self):
        self.waited += 1


class Shelf:
    """Stands in for the saved templates."""

    def __init__(self, *saved):
        self._saved = saved

    def all(self):
        return self._saved

    def find(self, key):
        return next((each for each in self._saved if key in (each.id, each.name)), None)


def saved(base="base", level="bwrap"):
    return Saved("77", "mine", base, level, "b1", 1.0, 2.0, 3, 256, 1, {"A": "b"}, "/app", None, {"/app": "own-app"})


def catalogue(level="bwrap", environment=None, shelf=(), **tools):
    return Catalogue(level, RUNTIME, Shelf(*shelf), environment or Environment(), tools.get)


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
    assert "nodejs" not in offered.usable()


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


async def test_the_environment_of_the_code_interpreter():
    environment = Environment()
    offered = catalogue(environment=environment)
    await offered.prepare(find("base", offered))
    assert environment.waited == 0
    await offered.prepare(find("code-interpreter", offered))
    assert environment.waited == 1
    outfit = offered.outfit("code-interpreter", {"/app": "own-app"})
    assert (outfit.path, outfit.folders) == (("/run/x/bin",), {"/app": "own-app"})
    assert offered.outfit("base", {}).path == ()
    assert offered.outfit("gone", {"/app": "own-app"}).folders == {"/app": "own-app"}
    building = catalogue(environment=Environment(building=True))
    described = building.describe(find("code-interpreter", building))
    assert (described["status"], described["is_active"]) == ("building", True)
    assert described["description"].endswith("Nearly.")
    failed = catalogue(environment=Environment("It could not be."))
    described = failed.describe(find("code-interpreter", failed))
    assert (described["status"], described["unavailable_reason"]) == ("archived", "It could not be.")


def test_what_was_built_here():
    offered = catalogue(shelf=[saved()])
    template = find("mine", offered)
    assert find("77", offered) == template
    assert template.base == "base"
    described = offered.describe(template)
    assert (described["is_public"], described["is_active"], described["build_id"]) == (False, True, "b1")
    assert described["default_resources"] == {"vcpu": 3, "memory_mb": 256, "disk_gb": 1}
    assert described["created_at"] == "1970-01-01T00:00:01Z"
    assert "mine" in offered.usable()


@pytest.mark.parametrize(
    ("of", "words"),
    [(saved(level="none"), "without isolation"), (saved("nodejs"), "node is not"), (saved("gone"), "is gone")],
)
def test_what_was_built_here_and_cannot_be_used(of, words):
    offered = catalogue(shelf=[of])
    assert words in (offered.unavailable_reason(find("mine", offered)) or "")


def test_a_built_in_name_wins():
    assert built_in("1") is BUILT_IN[0]
    assert Path("/", built_in("base").base) == Path("/base")
