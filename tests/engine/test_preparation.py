"""Waiting for the Python environment: who waits how long, and what is said."""

import asyncio
import threading
import time

import pytest

from hopx_tui.engine import preparation as module
from hopx_tui.engine.builds import Builds
from hopx_tui.engine.errors import ControlError
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.layers import LayerError
from hopx_tui.engine.preparation import Preparation


class Layer:
    """Stands in for the environment: built when `go` is set, or never."""

    own_modules = False

    def __init__(self, place):
        self._place = place
        self.path = None
        self.go = threading.Event()
        self.error = None
        self.builds = 0
        self.hindrance = None

    def obstacle(self):
        return self.hindrance

    def build(self, report, cancelled):
        self.builds += 1
        report("Installing …")
        while not self.go.wait(0.005):
            if cancelled.is_set():
                raise LayerError("it was cancelled")
        if self.error:
            raise LayerError(self.error)
        self.path = self._place
        return self.path


@pytest.fixture
def layer(tmp_path):
    return Layer(tmp_path / "layer")


@pytest.fixture
async def made(tmp_path, layer):
    (tmp_path / "builds").mkdir()
    builds = Builds(tmp_path / "builds", time.time)
    events = EventLog(tmp_path / "events", time.time)
    preparation = Preparation(layer, "bwrap", builds, events, template_id="101")
    yield preparation
    await preparation.close()


async def test_ten_creates_make_one_build(made, layer):
    assert made.reason() is None
    assert "at first use" in made.note()
    waiting = [asyncio.create_task(made.ensure()) for _ in range(10)]
    while not layer.builds:
        await asyncio.sleep(0.005)
    layer.go.set()
    await asyncio.gather(*waiting)
    assert layer.builds == 1
    assert made.ready
    assert made.note() == ""
    await made.ensure()
    assert made.begin().status == "active"
    assert made.outfit().shown == {module.INSIDE: str(layer.path)}


async def test_what_takes_longer_is_a_conflict_and_goes_on(made, layer):
    with pytest.raises(ControlError, match=r"being prepared .*Try again") as caught:
        await made.ensure(0.05)
    assert caught.value.status == 409
    assert made.building
    assert made.begin() is made.begin()
    layer.go.set()
    await made.ensure()
    assert layer.builds == 1


async def test_a_failure_is_said_and_tried_again_later(made, layer, monkeypatch):
    layer.error = "no network"
    layer.go.set()
    for _ in range(2):
        with pytest.raises(ControlError, match="no network") as caught:
            await made.ensure()
        assert caught.value.status == 400
    assert layer.builds == 1
    assert "no network" in (made.reason() or "")
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    assert made.reason() is None
    layer.error = None
    await made.ensure()
    assert layer.builds == 2


async def test_an_end_cancels_it(made, layer):
    build = made.begin()
    await made.close()
    assert build.error_message == "it was cancelled"
    assert not made.building


async def test_other_ways_to_have_it(made, layer, tmp_path):
    layer.hindrance = "there is no pip"
    assert "there is no pip" in (made.reason() or "")
    assert made.outfit().path == ()
    layer.own_modules = True
    assert made.ready
    assert len(made.outfit().path) == 1
    bare = Preparation(layer, "none", made._builds, made._events, template_id="101")
    layer.path = tmp_path / "layer"
    assert bare.outfit().path == (str(tmp_path / "layer" / "bin"),)
