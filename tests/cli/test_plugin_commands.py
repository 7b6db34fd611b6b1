"""plugins new and plugins check: what they refuse and what they say."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli, write_shop


def test_names_and_folders_that_will_not_do(tmp_path: Path, cli: Cli) -> None:
    ran = cli("plugins", "new", tmp_path / "x", "--name", "My Model")
    assert ran.code == 2
    assert "plugin name 'My Model': use lower-case letters" in ran.err
    assert not (tmp_path / "x").exists()
    ran = cli("plugins", "new", tmp_path)
    assert ran.code in (1, 2)
    assert "Error: " in ran.err
    (tmp_path / "there").mkdir()
    ran = cli("plugins", "new", tmp_path / "there")
    assert ran.code == 1
    assert "exists; name a folder that does not" in ran.err


def test_check_says_what_it_found(cli: Cli) -> None:
    ran = cli("plugins", "check", "popularity")
    assert ran.code == 0, ran.err
    assert "cannot tell users apart" in ran.out
    assert ran.out.count(" ok") == 15
    assert cli("plugins", "check", "popularity", "--kind", "ranker").code == 1
    assert "unknown plugin or part 'popularty'; did you mean 'popularity'?" in cli("plugins", "check", "popularty").err


def test_a_plugin_that_the_configuration_disables_takes_no_part(tmp_path: Path, cli: Cli) -> None:
    shop = write_shop(tmp_path / "shop.duckdb")
    for verb in (("fit", shop, "--out", tmp_path / "model"), ("tune", shop, "--out", tmp_path / "found.toml")):
        ran = cli(*verb, "-o", "pipeline.generators=ease", "-o", "disable_plugins=mlp,ease")
        assert ran.code == 1, verb
        assert "Error: unknown generator 'ease'" in ran.err
        assert "plugin 'ease' is disabled: left out by request" in ran.err
