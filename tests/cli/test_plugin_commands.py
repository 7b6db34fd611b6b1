"""plugins new and plugins check: what they refuse and what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import Field
from torch import nn

from selfrec.cli.commands.plugins.check import _benches, _rows
from selfrec.plugin import Generator, PartOptions
from selfrec.testing import Outcome
from tests.cli.conftest import Cli, write_shop


def test_names_and_folders_that_will_not_do(tmp_path: Path, cli: Cli) -> None:
    ran = cli("plugins", "new", tmp_path / "x", "--name", "My Model")
    assert ran.code == 2
    assert "plugin name 'My Model': use lower-case letters" in ran.err
    ran = cli("plugins", "new", tmp_path / "x", "--name", "none")
    assert (ran.code, "plugin name 'none': the command line reads it as a value" in ran.err) == (2, True)
    ran = cli("plugins", "new", tmp_path / "x", "--name", "class")
    assert ran.code == 2
    assert "plugin name 'class': it is a word of Python's own; choose another with --name" in ran.err
    assert not (tmp_path / "x").exists()
    ran = cli("plugins", "new", tmp_path)
    assert ran.code in (1, 2)
    assert "Error: " in ran.err
    (tmp_path / "there").mkdir()
    ran = cli("plugins", "new", tmp_path / "there")
    assert ran.code == 1
    assert "exists; name a folder that does not" in ran.err


def test_a_name_that_is_taken_will_not_do(tmp_path: Path, cli: Cli) -> None:
    for kind, name, what in (("ranker", "ease", "plugin"), ("generator", "slim", "generator")):
        ran = cli("plugins", "new", tmp_path / "x", "--kind", kind, "--name", name)
        assert ran.code == 2
        assert f"{what} {name!r} exists already, from selfrec " in ran.err
        assert "choose another with --name" in ran.err
    assert not (tmp_path / "x").exists()


def test_check_says_what_it_found(cli: Cli) -> None:
    ran = cli("plugins", "check", "popularity")
    assert ran.code == 0, ran.err
    assert "cannot tell users apart" in ran.out
    assert ran.out.count(" ok") == 17
    assert cli("plugins", "check", "popularity", "--kind", "ranker").code == 1
    assert "unknown plugin or part 'popularty'; did you mean 'popularity'?" in cli("plugins", "check", "popularty").err
    ran = cli("plugins", "check", "itemknn", "-o", "shrnk=5")
    assert ran.code == 2
    assert "unknown option 'shrnk'; did you mean 'shrink'?" in ran.err
    ran = cli("plugins", "check", "itemknn", "-o", "shrink=-5")
    assert (ran.code, ran.out) == (2, "")
    assert "option 'shrink' is -5: should be greater than or equal to 0; give it another value" in ran.err


def test_a_plugin_that_the_configuration_disables_takes_no_part(tmp_path: Path, cli: Cli) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    for verb in (("fit", shop, "--out", tmp_path / "model"), ("tune", shop, "--out", tmp_path / "found.toml")):
        ran = cli(*verb, "-o", "pipeline.generators=ease", "-o", "disable_plugins=mlp,ease")
        assert ran.code == 1, verb
        assert "Error: unknown generator 'ease'" in ran.err
        assert "plugin 'ease' is disabled: left out by request" in ran.err


COMMAND = """
import click
from selfrec.plugin import hookimpl

@hookimpl
def selfrec_commands(cli):
    @cli.command()
    @click.argument("who")
    def {name}(who):
        "Greet WHO."
        if who == "nobody":
            raise LookupError("nobody is there")
        click.echo(f"hello {{who}}")
"""


@pytest.fixture
def greeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lay out the distribution `greeting`, whose plugin adds a command of this name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def lay_out(name: str) -> None:
        sys.modules.pop("selfrec_greeting", None)
        info = tmp_path / "greeting-1.5.dist-info"
        info.mkdir()
        (tmp_path / "selfrec_greeting.py").write_text(COMMAND.format(name=name))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: greeting\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text("[selfrec]\ngreeting = selfrec_greeting\n")

    return lay_out


def test_a_command_of_a_plugin(greeting: Callable[[str], None], cli: Cli) -> None:
    greeting("greet")
    assert cli("greet", "you").out == "hello you\n"
    assert "greet       Greet WHO." in cli("--help").out
    assert "command greet" in cli("plugins").out
    listed = {info["name"]: info["commands"] for info in json.loads(cli("plugins", "list", "--json").out)}
    assert (listed["greeting"], listed["tracking"]) == (["greet"], [])


def test_help_loads_plugins_of_others_alone(greeting: Callable[[str], None], tmp_path: Path) -> None:
    """They may add commands; selfrec's own add none."""
    greeting("greet")
    code = (
        "import sys; from selfrec.cli.main import run; run(['--help']);"
        "print([name for name in ('selfrec_greeting', 'selfrec_autoencoder', 'torch') if name in sys.modules])"
    )
    surroundings = {**os.environ, "PYTHONPATH": str(tmp_path), "SELFREC_DISABLE_PLUGINS": "gan"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=surroundings)
    assert "greet       Greet WHO." in done.stdout
    assert done.stdout.splitlines()[-1] == "['selfrec_greeting']"
    assert done.stderr == ""


def test_a_command_that_fails_names_its_plugin(greeting: Callable[[str], None], cli: Cli) -> None:
    greeting("greet")
    ran = cli("greet", "nobody")
    assert ran.code == 1
    assert ran.err == (
        "Error: plugin 'greeting' (greeting 1.5): unexpected LookupError: nobody is there; "
        "run it again with --verbose for the traceback\n"
    )
    assert "Traceback" in cli("greet", "nobody", "--verbose").err


def test_a_command_that_takes_a_name_of_selfrec_is_listed_as_broken(greeting: Callable[[str], None], cli: Cli) -> None:
    greeting("fit")
    listed = {info["name"]: info for info in json.loads(cli("plugins", "list", "--json").out)}
    assert listed["greeting"]["status"] == "broken"
    assert listed["greeting"]["reason"] == "command 'fit' is selfrec's own; the plugin must choose another name"
    ran = cli("greet", "you")
    assert ran.code == 2
    assert "unknown command 'greet'; known: " in ran.err
    assert "; plugin 'greeting' is broken: command 'fit' is selfrec's own" in ran.err


def test_a_misspelt_command_of_a_plugin(greeting: Callable[[str], None], cli: Cli) -> None:
    greeting("greet")
    assert "unknown command 'gret'; did you mean 'greet'?" in cli("gret", "you").err


OPTIONS = """
from pydantic import Field
from selfrec.plugin import Generator, PartOptions, hookimpl

class Inner(PartOptions):
    depth: int = Field(2, description="How deep.")

class Options(PartOptions):
    inner: Inner = Field(Inner(), description="A table.")
    shrink: float = Field(10.0, description="Added to\\n    the norms.\\n\\n")
    long: str = Field("x" * 600, description="A long one.")

class NoOptions(PartOptions):
    pass

@hookimpl
def selfrec_generators():
    for name, options in (("bare", NoOptions), ("full", Options)):
        yield Generator(name=name, summary=name, options=options, build=lambda options, sizes: None)
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """A distribution of one module in the folder, as pip would leave it."""
    monkeypatch.syspath_prepend(str(folder))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (folder / f"selfrec_{name}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[selfrec]\n{name} = selfrec_{name}\n")


def test_options_of_any_form_are_a_table_of_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    install(tmp_path, monkeypatch, "forms", OPTIONS)
    lines = cli("plugins", "show", "forms").out.splitlines()
    assert lines[5:8] == ["generator bare: bare", "", "It has no options."]
    assert lines[-1] == "Set one with -o generator.full.inner.depth=VALUE or under [generator.full]."
    rows = lines[lines.index("generator full: full") + 3 : -2]
    assert [row.split()[0] for row in rows[:3]] == ["inner.depth", "shrink", "long"]
    assert rows[1].endswith("Added to the norms.")
    assert len(rows) == 4
    assert rows[3].strip().endswith("xxx...")
    shown = json.loads(cli("plugins", "show", "full", "--json").out)
    options = {option["name"]: option for option in shown[0]["parts"][0]["options"]}
    assert options["shrink"]["description"] == "Added to the norms."
    assert len(options["long"]["default"]) == 602


PRINTS = """
print("loading")
from pydantic import Field
from selfrec.plugin import Generator, PartOptions, hookimpl

def build(options, sizes):
    import torch
    print("building")

    class Prints(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("scores", torch.zeros(sizes.items))

        def generate(self, batch, features):
            print("generating")
            return self.scores.expand(batch.history.shape[0], -1) * batch.weights.sum(1, keepdim=True)

    return Prints()

def train(module, fitting):
    print("training")

def reads(options):
    print("asked")
    return frozenset()

@hookimpl
def selfrec_generators():
    print("yielding")
    excused = {"learns_the_checkerboard": "it only prints"}
    yield Generator(name="prints", summary="Prints.", options=PartOptions, build=build, trainer=train, inputs=reads,
                    excused=excused)

@hookimpl
def selfrec_commands(cli):
    print("adding")
"""


def test_what_a_plugin_prints_is_not_in_the_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    install(tmp_path, monkeypatch, "prints", PRINTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ran = cli("plugins", "check", "prints", "--json")
    (checked,) = json.loads(ran.out)
    assert (ran.code, checked["name"], len(checked["checks"])) == (0, "prints", 18), ran.out
    for told in ("building", "training", "generating", "asked"):
        assert told in ran.err
    sys.modules.pop("selfrec_prints")
    ran = cli("plugins", "list", "--json")
    assert "prints" in [info["name"] for info in json.loads(ran.out)]
    assert ran.err.split() == ["loading", "yielding", "adding"]
    assert json.loads(cli("plugins", "show", "prints", "--json").out)[0]["name"] == "prints"


def test_a_note_stands_where_a_reason_would() -> None:
    assert _rows([Outcome("refits", "", True, note="slow: 9 s")]) == [("refits", "ok", "slow: 9 s")]


FALLS = """
from selfrec.plugin import Generator, PartOptions, hookimpl

def build(options, sizes):
    raise LookupError("no colours")

@hookimpl
def selfrec_generators():
    yield Generator(name="falls", summary="Falls.", options=PartOptions, build=build)
"""


def test_check_shows_where_a_part_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    install(tmp_path, monkeypatch, "falls", FALLS)
    ran = cli("plugins", "check", "falls")
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "LookupError: no colours (selfrec_falls.py, line 5)" in " ".join(ran.out.split())
    told = cli("plugins", "check", "falls", "--verbose").err
    assert told.count("LookupError: no colours\n") == 1
    assert 'selfrec_falls.py", line 5, in build' in told


class Inner(PartOptions):
    depth: int = Field(2, description="How deep.")
    width: int = Field(3, description="How wide.")


class Outer(PartOptions):
    inner: Inner = Field(Inner(), description="A table.")


def test_options_of_one_table_are_set_one_by_one() -> None:
    record = Generator(name="nested", summary="Nested.", options=Outer, build=lambda options, sizes: nn.Module())
    (bench,) = _benches([record], [record], ("inner.depth=4", "inner.width=5"))
    assert bench.options == {"inner": {"depth": 4, "width": 5}}


def test_a_reason_that_many_checks_have_is_said_once() -> None:
    given = [
        Outcome("light_import", "", True),
        Outcome("refits", "", False, "training failed"),
        Outcome("learns", "", False, "training failed"),
        Outcome("weights_count", "", False, "training failed", excused="it is popular"),
    ]
    assert _rows(given) == [
        ("light import", "ok", ""),
        ("refits", "FAILED", "training failed"),
        ("learns", "FAILED", "as refits"),
        ("weights count", "excused", "it is popular"),
    ]
