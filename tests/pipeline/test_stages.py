"""Stages on the checkerboard: trained, measured, kept or left out, resumed, refitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfrec.errors import PluginError, TargetError
from selfrec.histories import Histories, Holdout
from selfrec.pipeline.checkpoint import WorkFolder
from selfrec.pipeline.chosen import Chosen
from selfrec.pipeline.combine import search_weight
from selfrec.pipeline.listener import Silent
from selfrec.pipeline.part_training import PartTrainer
from selfrec.pipeline.recency import EVEN, Recency
from selfrec.pipeline.stages import StageTrainer
from selfrec.plugin import Fitting, Generator, Sizes, UserBatch
from selfrec.settings.tables import Config
from selfrec.testing import checkerboard, checkerboard_holdout
from tests.catalogs import catalog_of
from tests.toys import Dense, NoOptions, Toys, keep_as_built

ITEMS = 20


def trainer(
    work_folder: WorkFolder | None = None, toys: Toys | None = None, items: int = ITEMS, **tables: Any
) -> StageTrainer:
    options = {"epochs": 30, "learning_rate": 0.05, "patience": 30}
    pipeline = {"extractors": ("factors",), "generators": ("factors",), "top_k": 5, **tables.pop("pipeline", {})}
    config = Config.model_validate(
        {
            "pipeline": pipeline,
            "extractor": {"factors": options},
            "generator": {"dense": options},
            "ranker": {"aged": options},
            **tables,
        }
    )
    parts = PartTrainer(
        config=config,
        records=toys or Toys(),
        catalog=catalog_of(range(items)),
        work_folder=work_folder or WorkFolder(None),
        listener=Silent(),
        notify=lambda part, epoch, metrics: None,
        device=torch.device("cpu"),
    )
    return StageTrainer(parts, torch.linspace(1, 0, items))


def parity_hits(stages: StageTrainer, chosen: Chosen) -> float:
    """Share of recommended items that have the parity of the user's history."""
    holdout = checkerboard_holdout(items=ITEMS, hidden=4)
    padded = holdout.inputs.padded()
    history, weights = torch.from_numpy(padded.history), torch.from_numpy(padded.weights)
    module = stages.recommender(chosen)
    with torch.no_grad():
        extra = {"ages": torch.zeros_like(weights)} if module.extra_inputs else {}
        items, scores = module(history, weights, history, torch.zeros(ITEMS), **extra)
    right = items % 2 == torch.arange(len(items))[:, None] % 2
    return float(right[:, :4].float().mean()) if bool((scores[:, :4] > float("-inf")).all()) else 0.0


class TestSelection:
    def test_learns_the_checkerboard_and_keeps_the_generator(self) -> None:
        stages = trainer()
        chosen = stages.select(checkerboard(), checkerboard_holdout(hidden=4))
        assert [stage.name for stage in stages.table] == ["popularity", "factors"]
        assert [stage.kept for stage in stages.table] == [False, True]
        assert stages.table[1].metrics["ndcg@20"] == 1.0
        assert parity_hits(stages, chosen) == 1.0

    def test_module_of_two_faces_is_built_once(self) -> None:
        stages = trainer()
        chosen = stages.select(checkerboard(), checkerboard_holdout())
        assert chosen.extractors[0].module is chosen.generators[0].module

    def test_generator_that_does_not_help_is_left_out(self) -> None:
        def build_noise(options: object, sizes: Sizes) -> torch.nn.Module:
            return Dense(sizes)

        noise = Generator(
            name="noise", summary="", options=NoOptions, build=build_noise, trainer=lambda module, fitting: None
        )
        stages = trainer(toys=Toys(noise), pipeline={"generators": ("factors", "noise")})
        chosen = stages.select(checkerboard(), checkerboard_holdout())
        assert [part.label for part in chosen.generators] == ["factors"]
        assert [stage.name for stage in stages.table] == ["popularity", "factors", "+ noise"]

    def test_keep_all_keeps_it(self) -> None:
        stages = trainer(pipeline={"generators": ("factors", "dense"), "ranker": "aged", "keep": "all"})
        chosen = stages.select(checkerboard(), checkerboard_holdout())
        assert [part.label for part in chosen.generators] == ["factors", "dense"]
        assert chosen.ranker is not None
        assert stages.table[-1].kept

    def test_given_weight_is_used(self) -> None:
        stages = trainer(
            pipeline={"generators": ("factors", "dense"), "generator_weights": {"dense": 0.25}, "keep": "all"}
        )
        assert stages.select(checkerboard(), checkerboard_holdout()).weights == (1.0, 0.25)

    @pytest.mark.parametrize(("kind", "least"), [("column", True), ("random", False), ("users", False)])
    def test_half_of_a_gain_is_enough_where_test_rows_were_not_drawn_like_validation_rows(
        self, kind: str, least: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def search(*args: Any, **kwargs: Any) -> Any:
            asked.append(kwargs["least"])
            return search_weight(*args, **kwargs)

        monkeypatch.setattr("selfrec.pipeline.choosing.search_weight", search)
        trainer(pipeline={"generators": ("factors", "dense")}, split={"kind": kind}).select(
            checkerboard(), checkerboard_holdout()
        )
        assert asked == [least]

    def test_label_uses_a_part_twice(self) -> None:
        stages = trainer(pipeline={"generators": ("factors", "second:dense"), "keep": "all"})
        chosen = stages.select(checkerboard(), checkerboard_holdout())
        assert [part.key for part in chosen.generators] == ["generator.factors", "generator.second"]

    def test_without_validation_everything_is_kept(self) -> None:
        stages = trainer(pipeline={"generators": ("factors", "dense"), "ranker": "aged"})
        chosen = stages.select(checkerboard(), None)
        assert len(chosen.generators) == 2
        assert chosen.ranker is not None
        assert stages.table == ()

    def test_augmented_rows_are_measured(self) -> None:
        heard: list[str] = []

        class Hearing(Silent):
            def stage(self, name: str, metrics: Mapping[str, float]) -> None:
                heard.append(name)

        stages = trainer(pipeline={"generators": ("factors", "dense"), "keep": "all"}, training={"augment": 0.5})
        stages.parts.listener = Hearing()
        chosen = stages.select(checkerboard(), checkerboard_holdout())
        assert heard == [stage.name for stage in stages.table]
        assert chosen.generated is not None
        assert len(chosen.generated) == 20
        assert [stage.name for stage in stages.table][-2:] == ["factors (augmented)", "+ dense (augmented)"]
        assert (chosen.generated.lengths == 15).all()


class Fixed(torch.nn.Module):
    """The same scores for everyone: the given ones, and the twenty last items before the rest."""

    def __init__(self, given: dict[int, float], items: int) -> None:
        super().__init__()
        scores = torch.zeros(items)
        scores[-20:] = 0.1
        for item, score in given.items():
            scores[item] = score
        self.register_buffer("scores", scores)

    scores: torch.Tensor

    def generate(self, batch: UserBatch, features: torch.Tensor) -> torch.Tensor:
        return self.scores.expand(len(batch.history), -1)


def fixed(name: str, item: int, *next_ones: int) -> Generator:
    """The item first; the next ones, if any, with half of its score and a thousandth less each time."""
    given = {item: 1.0} | {other: 0.5 - 0.001 * place for place, other in enumerate(next_ones)}
    return Generator(
        name=name, summary="", options=NoOptions, build=lambda options, sizes: Fixed(given, sizes.items),
        trainer=keep_as_built,
    )  # fmt: skip


def test_what_lost_alone_is_tried_beside_what_is_kept() -> None:
    """Of 50 users 30 have item 1 hidden, which is the most popular, 10 item 2 and 10 item 3. Who finds 2 or 3 alone
    loses against popularity; one of them comes in with item 1's generator, the other in the second round.
    """
    items = 60
    train = Histories.from_rows([[0, 1]] * 20, items)
    hidden = Histories.from_rows([[1]] * 30 + [[2]] * 10 + [[3]] * 10, items)
    toys = Toys(fixed("two", 2), fixed("three", 3), fixed("one", 1))
    stages = trainer(toys=toys, items=items, pipeline={"extractors": (), "generators": ("two", "three", "one")})
    chosen = stages.select(train, Holdout(Histories.from_rows([[0]] * 50, items), hidden))
    assert [part.label for part in chosen.generators] == ["two", "one", "three"]
    names = [stage.name for stage in stages.table]
    assert names == ["popularity", "two", "two + three", "two + one", "+ three"]


@pytest.mark.parametrize(("threes", "first"), [(10, "two"), (11, "two"), (16, "three")])
def test_the_first_companion_stands_until_another_is_surely_better(threes: int, first: str) -> None:
    """30 users have item 1 hidden, 10 item 2: one more who has item 3 is chance, six more are not."""
    items, users = 60, 40 + threes
    hidden = Histories.from_rows([[1]] * 30 + [[2]] * 10 + [[3]] * threes, items)
    toys = Toys(fixed("two", 2), fixed("three", 3), fixed("one", 1))
    stages = trainer(toys=toys, items=items, pipeline={"extractors": (), "generators": ("two", "three", "one")})
    train = Histories.from_rows([[0, 1]] * 20, items)
    chosen = stages.select(train, Holdout(Histories.from_rows([[0]] * users, items), hidden))
    assert [part.label for part in chosen.generators[:2]] == [first, "one"]


class TestRecency:
    """Hidden is the newest item's follower: what came before the newest only misleads."""

    def lessons(self, ages: float) -> tuple[Histories, Holdout]:
        """Chains of items two apart; a user has three of them and the last one's follower is hidden."""
        items = 60
        rows = [[(7 * user) % 50, (11 * user + 20) % 50, (3 * user + 5) % 50] for user in range(60)]
        rows = [row for row in rows if len({*row, row[2] + 1}) == 4]
        shown = Histories.from_rows(rows, items)
        shown = replace(shown, ages=np.tile(np.array([3, 2, 1], dtype=np.float32) * ages, len(rows)))
        return shown, Holdout(shown, Histories.from_rows([[row[2] + 1] for row in rows], items))

    def chosen(self, ages: float = 1.0, **pipeline: Any) -> tuple[Chosen, StageTrainer]:
        train, holdout = self.lessons(ages)
        stages = trainer(items=60, pipeline={"extractors": (), "generators": ("after",), **pipeline})
        return stages.select(train, holdout), stages

    def test_it_is_chosen_where_it_helps(self) -> None:
        chosen, stages = self.chosen()
        assert chosen.recency.by == "position"
        assert [stage.name for stage in stages.table] == ["popularity", "after", f"+ {chosen.recency}"]
        assert [stage.kept for stage in stages.table] == [False, False, True]
        assert stages.refit(chosen, self.lessons(1.0)[0]).recency == chosen.recency

    def test_not_where_events_have_no_times(self) -> None:
        chosen, stages = self.chosen(ages=0.0)
        assert chosen.recency == EVEN
        assert [stage.name for stage in stages.table] == ["popularity", "after"]

    def test_not_where_it_was_left_out(self) -> None:
        assert self.chosen(recency="none")[0].recency == EVEN

    def test_a_graph_by_age_asks_for_ages(self) -> None:
        chosen, stages = self.chosen(recency="age", recency_power=1.0)
        assert chosen.recency == Recency("age", 1.0)
        assert stages.recommender(chosen).extra_inputs == ["ages"]
        assert stages.recommender(replace(chosen, recency=Recency("position", 1.0))).extra_inputs == []


class Counting(torch.nn.Module):
    """Every item scores alike; counts its trainings."""

    item: torch.Tensor

    def __init__(self, items: int) -> None:
        super().__init__()
        self.items = items
        self.register_buffer("item", torch.zeros(()))

    def generate(self, batch: UserBatch, features: torch.Tensor) -> torch.Tensor:
        return self.item.expand(len(batch.history), self.items)


def build_counting(options: object, sizes: Sizes) -> torch.nn.Module:
    return Counting(sizes.items)


class TestRefit:
    def test_runs_the_best_number_of_epochs_and_ranks_alike(self) -> None:
        stages = trainer()
        chosen = stages.select(checkerboard(), checkerboard_holdout(hidden=4))
        again = stages.refit(chosen, checkerboard())
        trained = stages.parts.trained
        best = trained["selection", "extractor.factors"].best_epoch
        assert len(trained["refit", "extractor.factors"].curves) == best
        assert parity_hits(stages, again) == 1.0

    def test_trains_the_ranker_again_on_hidden_items(self) -> None:
        stages = trainer(pipeline={"ranker": "aged", "keep": "all"})
        again = stages.refit(stages.select(checkerboard(), checkerboard_holdout()), checkerboard())
        assert again.ranker is not None
        assert ("refit", "ranker.aged") in stages.parts.trained

    @pytest.mark.parametrize(
        ("by", "ranker", "given"),
        [("anew", None, False), ("continuing", None, True), ("continuing", "aged", False)],
    )
    def test_goes_on_from_what_was_chosen_where_asked_to(self, by: str, ranker: str | None, given: bool) -> None:
        states = []

        def train(module: Any, fitting: Fitting) -> None:
            states.append(fitting.chosen_state)
            with torch.no_grad():
                module.item.fill_(1.0 if fitting.chosen_state is None else fitting.chosen_state["item"] + 1)
            keep_as_built(module, fitting)

        counting = Generator(name="counting", summary="", options=NoOptions, build=build_counting, trainer=train)
        pipeline = {"generators": ("factors", "counting"), "keep": "all", "ranker": ranker}
        stages = trainer(toys=Toys(counting), pipeline=pipeline, training={"refit_by": by})
        again = stages.refit(stages.select(checkerboard(), checkerboard_holdout()), checkerboard())
        assert [state is not None for state in states] == [False] * (len(states) - 1) + [given]
        module: Any = again.generators[1].module
        assert float(module.item) == (2.0 if given else 1.0)

    def test_one_seed_gives_the_same_weights(self) -> None:
        states = []
        for _ in range(2):
            stages = trainer(pipeline={"generators": ("factors", "dense"), "keep": "all"})
            chosen = stages.select(checkerboard(), checkerboard_holdout())
            states.append(stages.recommender(chosen).state_dict())
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


class KilledError(Exception):
    """Stands for SIGKILL."""


class TestResume:
    def test_killed_fit_goes_on_and_ends_with_the_same_weights(self, tmp_path: Path) -> None:
        whole = trainer()
        wanted = whole.recommender(whole.select(checkerboard(), checkerboard_holdout())).state_dict()
        work_folder, resumed = WorkFolder.open(tmp_path / "work", {"a": 1}, resume=False)
        assert not resumed
        killed = trainer(work_folder)

        def kill(part: object, epoch: int, metrics: object) -> None:
            if epoch == 17:
                raise KilledError

        killed.parts.notify = kill
        monkey = pytest.MonkeyPatch()
        monkey.setattr("selfrec.pipeline.checkpoint.EVERY", 0.0)
        with monkey.context(), pytest.raises(PluginError):
            killed.select(checkerboard(), checkerboard_holdout())
        with pytest.raises(TargetError, match="another fit is writing"):
            WorkFolder.open(tmp_path / "work", {"a": 1}, resume=True)
        with work_folder:
            """It is left, and what was finished stays."""
        work_folder, resumed = WorkFolder.open(tmp_path / "work", {"a": 1}, resume=True)
        assert resumed
        again = trainer(work_folder)
        epochs: list[int] = []
        again.parts.notify = lambda part, epoch, metrics: epochs.append(epoch)
        chosen = again.select(checkerboard(), checkerboard_holdout())
        got = again.recommender(chosen).state_dict()
        assert all(torch.equal(wanted[name], got[name]) for name in wanted)

    def test_other_fit_does_not_go_on(self, tmp_path: Path) -> None:
        with WorkFolder.open(tmp_path / "work", {"a": 1}, resume=False)[0] as work_folder:
            work_folder.note("trials", [1])
        with WorkFolder.open(tmp_path / "work", {"a": 2}, resume=True)[0] as work_folder:
            assert work_folder.noted("trials") is None
        assert list(tmp_path.iterdir()) == []


class TestBrokenParts:
    def test_failing_build_names_the_plugin(self) -> None:
        def build(options: object, sizes: object) -> torch.nn.Module:
            raise RuntimeError("no\nluck")

        stages = trainer(
            toys=Toys(Generator(name="broken", summary="", options=NoOptions, build=build)),
            pipeline={"generators": ("broken",)},
        )
        with pytest.raises(PluginError, match="generator 'broken': build failed: RuntimeError: no luck"):
            stages.select(checkerboard(), checkerboard_holdout())
