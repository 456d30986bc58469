"""Engines for tests: one per level and module, or one of one's own."""

import contextlib

import pytest

from tests.engine.driver import Engine, isolation_works

LEVELS = ["bwrap", "none"] if isolation_works() else ["none"]


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    """Each isolation level this machine has."""
    return request.param


@pytest.fixture(scope="module")
def engine(level, tmp_path_factory):
    """A running engine at this level, shared by a module: tests make sandboxes of their own."""
    started = Engine(tmp_path_factory.mktemp("state"), "--isolation", level)
    yield started
    started.close()


@pytest.fixture
def engines(tmp_path):
    """Starts engines on one state directory (or others); all are ended afterwards."""
    started = []

    def start(*arguments, state=None, **options):
        engine = Engine(state or tmp_path / "state", *arguments, **options)
        started.append(engine)
        return engine

    yield start
    for engine in started:
        with contextlib.suppress(ProcessLookupError):
            engine.close()


@pytest.fixture
def sandbox(engine):
    """A sandbox of one's own."""
    made = engine.create()
    yield made
    engine.kill(made)


@pytest.fixture(scope="module")
def real_engine(level, tmp_path_factory):
    """A running engine at this level, with the real agent, shared by a module."""
    started = Engine(tmp_path_factory.mktemp("real"), "--isolation", level, agent=None)
    yield started
    started.close()
