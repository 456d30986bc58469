"""guest/display.py: which forms a value has, and the frames they travel in."""

from __future__ import annotations

import os
import sys

import pytest

from hopx_tui.agent.guest import display as host
from hopx_tui.agent.rich import read_frames
from tests.agent.interpreters import LIBRARIES


def outlet_to(descriptor):
    return host.Outlet(descriptor, os.getpid(), host.identity_of(descriptor))


@pytest.fixture
def sent():
    """(a display, a function that yields what it sent)."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    display = host.Display(outlet_to(write))

    def frames():
        try:
            return list(read_frames(os.read(read, 1 << 20)))
        except BlockingIOError:
            return []

    yield display, frames
    os.close(read)
    os.close(write)


class Everything:
    def _repr_html_(self):
        return "<p>ä</p>", {"isolated": True}

    def _repr_markdown_(self):
        return "**x**"

    def _repr_svg_(self):
        return "<svg/>"

    def _repr_png_(self):
        return b"\x89PNG"

    def _repr_latex_(self):
        raise ValueError("broken")

    def _repr_json_(self):
        return {"a": object}


class Bundle:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": "p", "image/png": "iVBO", "text/html": None, "x/json": [1]}, {}


class Broken:
    def __repr__(self):
        raise RuntimeError

    def _repr_mimebundle_(self, include=None, exclude=None):
        raise RuntimeError


def test_every_form_of_a_value(sent, capsys):
    display, frames = sent
    display.show(Everything())
    assert {(frame.mime, str(frame.data)) for frame in frames()} == {
        ("text/html", "<p>ä</p>"),
        ("text/markdown", "**x**"),
        ("image/svg+xml", "<svg/>"),
        ("image/png", "iVBORw=="),
        ("application/json", "{'a': \"<class 'object'>\"}"),
    }
    display.result(Bundle())
    assert [(frame.kind, frame.mime) for frame in frames()] == [
        ("result", "image/png"),
        ("result", "x/json"),
        ("result", "text/plain"),
    ]
    display.show({"text/html": "raw"}, raw=True)
    assert [frame.data for frame in frames()] == ["raw"]
    display.show(Everything, 5)
    assert capsys.readouterr().out == f"{Everything!r}\n5\n"
    display.result(Broken())
    assert frames()[0].data.startswith("<tests.agent.test_display.Broken object at")


def test_long_values_are_shortened():
    assert host.short_repr([1, 2]) == "[1, 2]"
    assert host.short_repr(list(range(20_000))).startswith("list of 20000, beginning with [0, 1,")
    assert len(host.short_repr(dict.fromkeys(range(20_000)))) < 10_000
    assert len(host.short_repr("x" * (3 << 20))) < (1 << 20) + 10
    assert len(host.short_repr(["x" * (3 << 20)])) == (1 << 20) + 3


def test_what_is_sent_is_bounded(sent):
    display, frames = sent
    display.outlet._room = 100
    display.show({"text/html": "x" * 200}, raw=True)
    display.show({"text/html": "fits"}, raw=True)
    assert [frame.data for frame in frames()] == ["fits"]
    host.Outlet(-1, os.getpid(), None).send("display", "text/html", b"nowhere")
    read, write = os.pipe()
    os.close(read)
    outlet = outlet_to(write)
    outlet.send("display", "text/html", b"nobody reads")
    assert outlet._descriptor == -1
    os.close(write)


async def test_the_real_libraries(make_site):
    """One call: importing them takes most of the time."""
    site = await make_site(env=LIBRARIES)
    code = """
import matplotlib.pyplot as plt, pandas as pd, plotly.graph_objects as go
from IPython.display import display as shown, HTML, Markdown, SVG
from hopx_display import display as ours
figure = plt.figure(); plt.plot([1, 2]); plt.show()
plt.figure(); plt.plot([3, 4]); plt.figure(); figure.show()
go.Figure(data=[go.Bar(y=[1, 2])]).show()
shown(HTML('<i>i</i>'), Markdown('*m*')); ours(SVG('<svg></svg>'))
print(plt.get_backend().lower(), sorted(plt.get_fignums()))
pd.DataFrame({'a': [1, 2], 'b': ['x', None]})
"""
    out = (await site.post("/execute", code=code, timeout=60)).json()
    assert (out["stderr"], out["exit_code"]) == ("", 0)
    assert out["stdout"] == "agg [1, 2]\n"
    listed = [each["type"] for each in out["rich_outputs"]]
    assert listed.count("image/png") == 4
    assert set(listed) == {"image/png", "text/html", "application/json", "application/vnd.dataframe+json"}
    assert all(each["data"].keys() == {each["type"]} for each in out["rich_outputs"])
    assert out["png"].startswith("iVBORw0KGgo")
    assert "<table" in out["html"]
    assert (out["markdown"], out["svg"]) == ("*m*", "<svg/>")
    assert out["json"]["data"][0]["type"] == "bar"
    table = out["dataframe"]
    assert (table["columns"], table["data"], table["shape"]) == (["a", "b"], [[1, "x"], [2, None]], [2, 2])
    assert (table["index"], table["truncated"]) == ([0, 1], False)
    assert out["result"].split() == ["a", "b", "0", "1", "x", "1", "2", "NaN"] or "None" in out["result"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_official_client_reads_it(make_site):
    """The model refuses any answer with a type that it does not know."""
    from hopx_ai._parsers import _parse_rich_outputs
    from hopx_ai.models import ExecutionResult

    site = await make_site(env={"PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin"})
    code = (
        "class M:\n    def _repr_html_(self): return '<b>'\n    def _repr_svg_(self): return '<svg/>'\n"
        "    def _repr_json_(self): return {'a': 1}\n    def _repr_markdown_(self): return 'm'\nM()"
    )
    out = (await site.post("/execute", code=code)).json()
    result = ExecutionResult.model_validate(out)
    assert {each.type.value if hasattr(each.type, "value") else each.type for each in result.rich_outputs} == {
        "text/html",
        "application/json",
    }
    assert (result.svg, result.markdown, result.html) == ("<svg/>", "m", "<b>")
    assert len(_parse_rich_outputs(out)) == 2
