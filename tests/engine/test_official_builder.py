"""The vendor's own template builder works against the engine, from upload to sandbox."""

import asyncio
import shutil
import types
import warnings
from pathlib import Path

import httpx
import pytest

from tests.engine.driver import isolation_works, shell

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses websockets' old names
    from hopx_ai.errors import TemplateBuildError
    from hopx_ai.template import BuildOptions, Template, build_flow, wait_for_port

pytestmark = pytest.mark.filterwarnings("ignore")  # it forgets to close what it opens


@pytest.fixture(scope="module")
def level():
    """One level is enough; its paths are absolute ones."""
    if not isolation_works():
        pytest.skip("needs isolation")
    return "bwrap"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Its polls are seconds apart."""

    async def nap(seconds):
        await asyncio.sleep(min(seconds, 0.05))

    names = {name: getattr(asyncio, name) for name in ("gather", "TimeoutError")}
    monkeypatch.setattr(build_flow, "asyncio", types.SimpleNamespace(sleep=nap, **names))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(autouse=True)
async def clients(monkeypatch):
    """Close the HTTP clients that it opens and forgets."""
    opened = []
    real = httpx.AsyncClient.__init__

    def remember(self, *arguments, **given):
        real(self, *arguments, **given)
        opened.append(self)

    monkeypatch.setattr(httpx.AsyncClient, "__init__", remember)
    yield
    for client in opened:
        await client.aclose()


@pytest.fixture
def context(tmp_path):
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "main.py").write_text("print('from the file')\n")
    (tmp_path / "app" / "sub" / "x").write_text("x\n")
    (tmp_path / "one.txt").write_text("one\n")
    return tmp_path


def options(engine, context, name, said, **more):
    return BuildOptions(
        name=name,
        api_key=engine.key,
        base_url=engine.url,
        cpu=1,
        memory=512,
        disk_gb=1,
        context_path=str(context),
        on_log=lambda row: said.append(row["message"]),
        **more,
    )


async def test_build_create_and_delete(real_engine, context):
    template = (
        Template(from_image="python")
        .copy("app/", "/app/")
        .copy("one.txt", "/workspace/two.txt")
        .set_workdir("/app")
        .set_env("GREETING", "hello")
        .run_cmd("python3 main.py > /opt/said; ls /usr/local/bin; cat /workspace/two.txt")
        .set_start_cmd("python3 -m http.server 8123", wait_for_port(8123, timeout=20_000, interval=50))
    )
    said, progress = [], []
    wanted = options(real_engine, context, "official", said, on_progress=progress.append)
    result = await Template.build(template, wanted)
    assert "one" in said
    assert progress[-1] == 100
    assert (await result.get_logs()).complete
    assert result.duration > 0
    machine = await result.create_vm()
    sandbox = real_engine.get(machine.vm_id).json()
    token = real_engine.api.post(f"/v1/sandboxes/{machine.vm_id}/token/refresh").json()
    seen = shell({**sandbox, **token}, "cat /opt/said /app/sub/x; echo $GREETING")["stdout"]
    assert seen == "from the file\nx\nhello\n"
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8123/main.py').read().decode())"
    for _ in range(100):
        served = shell({**sandbox, **token}, f'python3 -c "{fetch}"')
        if served["exit_code"] == 0:
            break
        await asyncio.sleep(0.05)
    assert "from the file" in served["stdout"]
    await machine.delete()
    assert real_engine.api.delete(f"/v1/templates/{result.template_id}").status_code == 200


async def test_a_failure_has_the_reason(real_engine, context):
    said = []
    with pytest.raises(TemplateBuildError, match="it ended with 7"):
        await Template.build(
            Template(from_image="base").run_cmd("echo nearly; exit 7"), options(real_engine, context, "fails", said)
        )
    assert "nearly" in said


async def test_registry_images_are_refused_with_the_choices(real_engine, context):
    template = Template().from_python_image("3.12").run_cmd("true")
    with pytest.raises(Exception, match=r"registry.*base, python"):
        await Template.build(template, options(real_engine, context, "image", []))


async def test_every_kind_of_step(real_engine, context, needs):
    """The installers without a package to install: the tests have no network."""
    needs("git")
    commit = "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x"
    template = (
        Template(from_image="base")
        .set_user("root")
        .set_envs({"ONE": "1", "TWO": "2"})
        .pip_install("--help")
        .run_cmd(f"git init -q /opt/origin && cd /opt/origin && {commit}")
        .skip_cache()
        .git_clone("/opt/origin", "/opt/clone")
        .run_cmd("echo made-with-$ONE-$TWO; git -C /opt/clone log --format=%s")
        .add_metadata("kind", "test")
    )
    if shutil.which("npm"):
        template.npm_install("--help")
    assert template.get_metadata() == {"kind": "test"}
    assert template.get_from_image() == "base"
    assert template.get_registry_auth() is template.get_start_cmd() is template.get_ready_check() is None
    assert len(template.get_steps()) >= 7
    said = []
    result = await Template.build(template, options(real_engine, context, "steps", said))
    assert "made-with-1-2" in said
    assert real_engine.api.delete(f"/v1/templates/{result.template_id}").status_code == 200


ABSENT = dict.fromkeys(
    ["from_ubuntu_image", "from_node_image", "from_private_image", "from_gcp_private_image", "from_aws_private_image"],
    "a registry's image, refused as that of `from_python_image` is",
) | dict.fromkeys(
    ["apt_install", "go_install", "cargo_install"], "a `run_cmd` of the SDK's own that needs the network to succeed"
)


def test_every_operation_is_used_here():
    operations = {name for name in vars(Template) if not name.startswith("_")}
    source = Path(__file__).read_text()
    assert {name for name in operations if f".{name}(" not in source} == set(ABSENT)
