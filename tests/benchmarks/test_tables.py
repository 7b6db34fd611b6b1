"""Markdown tables of records written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.offline.protocols import ALL, Protocol
from benchmarks.offline.records import Record, Trial, Users, key_of
from benchmarks.offline.tables import Runs, difference, full_tables, summary_table
from selfrec.evaluation.groups import ALL_USERS, SHORT_HISTORY, TAIL_OF_TASTE

TOY = Protocol(name="toy", title="Toy, split", folder="toy", options=(), note="A note.")


def record(model: str, ndcg: list[float], *, seed: int = 0, recall: float = 0.25, **changes: object) -> Record:
    mean = float(np.mean(ndcg))
    groups = {
        ALL_USERS: Users(users=len(ndcg), metrics={"ndcg@20": mean, "recall@20": recall}, ndcg=ndcg),
        SHORT_HISTORY: Users(users=2, metrics={"ndcg@20": float(np.mean(ndcg[:2]))}, ndcg=ndcg[:2]),
        TAIL_OF_TASTE: Users(users=1, metrics={"ndcg@20": ndcg[0]}, ndcg=ndcg[:1]),
    }
    given = {
        "protocol": "toy",
        "model": model,
        "title": model,
        "kind": "preset" if model in ("default", "fast", "classic") else "baseline",
        "seed": seed,
        "key": "k",
        "identity": {"data": f"rows {seed}"},
        "items": 1234,
        "training_users": 10,
        "training_slots": 50,
        "fit_seconds": 12.3,
        "fit_cpu_seconds": 3.21,
        "microseconds_per_user": 45.6,
        "groups": groups,
        "lists": {"coverage@20": 0.5},
        **changes,
    }
    return Record(**given)


def runs(*given: Record) -> Runs:
    return Runs(given[0].model, {one.seed: one for one in given})


DEFAULT = record("default", [0.4, 0.4, 0.4, 0.4])
EASE = record("ease", [0.2, 0.4, 0.2, 0.4], title="EASE", options={"regularization": 100.0})


def test_difference_is_paired_by_user() -> None:
    found = difference(runs(EASE), runs(DEFAULT))
    assert found is not None
    assert found.mean == pytest.approx(-0.1)
    # Differences -0.2, 0, -0.2, 0: variance 0.04 / 3, standard error sqrt(0.04 / 12).
    assert found.half == pytest.approx(1.959964 * (0.04 / 12) ** 0.5)
    assert found.text == "-0.1000 ± 0.1132"
    assert difference(runs(DEFAULT), runs(DEFAULT)) == (0.0, 0.0)


def test_seeds_do_not_narrow_the_interval() -> None:
    one, two = difference(runs(EASE), runs(DEFAULT)), None
    again = [old.model_copy(update={"seed": 1, "identity": {"data": "rows 1"}}) for old in (EASE, DEFAULT)]
    two = difference(runs(EASE, again[0]), runs(DEFAULT, again[1]))
    assert two == pytest.approx(one)


def test_other_rows_are_not_paired() -> None:
    other = record("ease", [0.2, 0.4, 0.2, 0.4], identity={"data": "others"})
    assert difference(runs(other), runs(DEFAULT)) is None
    assert difference(runs(record("ease", [0.1, 0.2], seed=1)), runs(DEFAULT)) is None


def test_a_sure_difference_is_bold() -> None:
    found = difference(runs(record("ease", [0.1, 0.2, 0.1, 0.2])), runs(DEFAULT))
    assert found is not None
    assert found.text == "**-0.2500 ± 0.0566**"


def test_summary() -> None:
    popularity = record("popularity", [0.1, 0.1, 0.1, 0.1], recall=0.125)
    large = record("edlae", [0.0], title="EDLAE", left_out="too large: 6.7 GB", groups={}, lists={})
    classic = record("classic", [0.3, 0.3, 0.3, 0.3])
    assert summary_table([TOY, *ALL], [DEFAULT, EASE, popularity, large, classic]) == (
        "| data, split | metrics | popularity | EASE | EDLAE | `default` "
        "| NDCG@20 of `default` - that of the best baseline |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| Toy, split | Recall@20 / NDCG@20 | .125 / .100 | .250 / .300 | too large | .250 / .400 "
        "| +0.1000 ± 0.1132 (EASE) |\n"
    )


def test_full_table() -> None:
    trial = Trial(options={"regularization": 100.0}, ndcg=0.2, seconds=1.0)
    searched = EASE.model_copy(update={"trials": [trial], "search_seconds": 1234.0})
    second = searched.model_copy(update={"seed": 1, "options": {"regularization": 30.0}})
    large = record("edlae", [0.0], title="EDLAE", left_out="too large: 6.7 GB", groups={}, lists={})
    stages = [{"name": "autoencoder", "exported": True, "ndcg@20": 0.3}]
    default = DEFAULT.model_copy(update={"stages": stages})
    lines = full_tables([TOY], [default, second, searched, large]).splitlines()
    at = lines.index("## Toy, split")
    assert lines[at + 2] == "A note. 10 training users, 1,234 items, 50 pairs; 4 test users."
    heading, _, ease, edlae, ours = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[at + 4 : at + 9]
    )
    assert heading[4:8] == [
        "NDCG@20 - `default`",
        "coverage@20",
        "NDCG@20, 1-5 history items (2)",
        "NDCG@20, tail of taste (1)",
    ]
    assert ease == [
        "EASE",
        "2",
        "0.2500 ± 0.0000",
        "0.3000 ± 0.0000",
        "-0.1000 ± 0.1132",
        ".500",
        "0.3000 (-0.1000 ± 0.1960)",
        "0.2000 (-0.2000)",
        "1,234",
        "12",
        "3.2",
        "46",
    ]
    assert edlae[:3] == ["EDLAE", "", "too large: 6.7 GB"]
    assert ours == ["`default`", "1", "0.2500", "0.4000", "", ".500", "0.4000", "0.4000", "", "12", "3.2", "46"]
    assert lines[at + 10 :] == [
        "- EASE: regularization 100.0 (seed 0); regularization 30.0 (seed 1)",
        "- `default`: exports the stage 'autoencoder' (seed 0)",
    ]


def test_spread_over_seeds() -> None:
    found = runs(record("ease", [0.1, 0.3]), record("ease", [0.3, 0.5], seed=1))
    assert found.mean("ndcg@20") == pytest.approx(0.3)
    assert found.spread("ndcg@20") == pytest.approx(0.2 / 2**0.5)
    assert runs(EASE).spread("ndcg@20") is None


def test_published_figures_stand_below() -> None:
    cfgan = next(protocol for protocol in ALL if protocol.name == "cfgan-ml100k")
    text = full_tables([cfgan], [record("default", [0.4], protocol="cfgan-ml100k")])
    assert "| CFGAN, width N, as printed |  | 0.4440 | 0.3600 | 0.4330 |" in text


def test_the_key_does_not_depend_on_the_order() -> None:
    assert key_of({"a": 1, "b": [1, 2]}) == key_of({"b": [1, 2], "a": 1}) != key_of({"a": 1, "b": [2, 1]})
