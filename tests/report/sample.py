"""A report's data made from small synthetic histories, through the same functions that `fit` uses."""

from __future__ import annotations

import numpy as np

from selfrec.evaluation.evaluate import evaluate_lists
from selfrec.histories import Float32, Histories, Holdout, Int64
from selfrec.report import summaries
from selfrec.report.data import CleaningRow, Curve, ReportData, SplitRow, StageRow, graph_of

N = 600


def sample_histories(users: int = 900, seed: int = 0) -> tuple[Histories, Int64]:
    """Long-tailed histories of users with a taste each, and int64[users] the taste."""
    rng = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, N + 1) ** 0.8
    tastes = rng.integers(0, 6, users)
    rows = []
    for taste in tastes:
        chances = popularity * np.where(np.arange(N) % 6 == taste, 8, 1)
        length = int(np.clip(rng.lognormal(2.7, 0.9), 2, 200))
        rows.append(rng.choice(N, size=length, replace=False, p=chances / chances.sum()).tolist())
    return Histories.from_rows(rows, N), tastes.astype(np.int64)


def sample_scores(histories: Histories, tastes: Int64, seed: int = 1) -> Float32:
    """float32[U, N] scores of a model that knows the tastes and remembers the histories."""
    rng = np.random.default_rng(seed)
    scores = np.log(1 / np.arange(1, N + 1) ** 0.8) + 2.0 * (np.arange(N) % 6 == tastes[:, None])
    scores = scores + rng.normal(0, 0.8, scores.shape)
    scores[histories.row_numbers, histories.items] += 2.5
    squashed: Float32 = (1 / (1 + np.exp(-(scores + 1) / 2))).astype(np.float32)
    return squashed


def sample_data() -> ReportData:
    """Every part of a report filled in."""
    histories, tastes = sample_histories()
    newest = histories.offsets[1:][histories.row_numbers] - np.arange(len(histories.items)) <= 2
    holdout = Holdout(histories.keep(~newest), histories.keep(newest))

    def recommend(part: Histories, seen: Histories) -> Int64:
        known = (part.lengths > 0)[:, None] * 2.0 * (np.arange(N) % 6 == tastes[:, None])
        scores = known - 0.8 * np.log(np.arange(1, N + 1))
        scores[seen.row_numbers, seen.items] = -np.inf
        return np.argsort(-scores, axis=1, kind="stable")[:, :100].astype(np.int64)

    few = histories.take(np.arange(300))
    scores = sample_scores(few, tastes[:300])
    return ReportData(
        title="shop",
        version="0.1.0",
        fingerprint={
            "rows": 1_469_307,
            "users": 2_469,
            "items": 68_509,
            "first": "2017-01-01T11:53:26Z",
            "last": "2018-01-01T04:01:20Z",
            "content": "9f2c66b04d1ae773",
        },
        config={"preset": "default", "seed": 0, "cleaning": {"min_users_per_item": 5, "fold": "log"}},
        graph=graph_of(100, {"ages"}),
        parts=("extractor autoencoder", "generator autoencoder"),
        split="leave-last",
        cleaning=(
            CleaningRow(rule="rows with a null id", rows_before=1_469_307, rows_dropped=0),
            CleaningRow(rule="weight not finite or negative", rows_before=1_469_307, rows_dropped=412),
            CleaningRow(
                rule="repeats of a pair folded", rows_before=1_468_895, rows_dropped=671_204, note="fold = log"
            ),
            CleaningRow(rule="bots", rows_before=797_691, rows_dropped=9_120, note="3 users above 14,210 events"),
            CleaningRow(
                rule="min_users_per_item",
                rows_before=788_571,
                rows_dropped=81_304,
                note="41,118 items of fewer than 5 users",
            ),
            CleaningRow(rule="min_items_per_user", rows_before=707_267, rows_dropped=17, note="17 users"),
        ),
        splits=(
            SplitRow(name="train", users=2_449, rows=568_120),
            SplitRow(name="validation", users=2_440, rows=69_565),
            SplitRow(name="test", users=2_440, rows=69_565),
        ),
        stages=(
            StageRow(name="popularity", metrics={"ndcg@20": 0.0911, "recall@20": 0.0603, "coverage@20": 0.0021}),
            StageRow(
                name="autoencoder",
                metrics={"ndcg@20": 0.1642, "recall@20": 0.1127, "coverage@20": 0.1904},
                exported=True,
            ),
            StageRow(name="+ gan", metrics={"ndcg@20": 0.1629, "recall@20": 0.1121, "coverage@20": 0.2107}),
            StageRow(name="+ mlp", metrics={"ndcg@20": 0.1640, "recall@20": 0.1119, "coverage@20": 0.1711}),
        ),
        curves=_curves(),
        history_lengths=summaries.history_lengths(histories),
        item_popularity=summaries.popularity_curve(histories.item_counts()),
        reconstruction=summaries.reconstruction(scores, few),
        generated=tuple(made for made in (summaries.generated_lists("gan", scores, few),) if made is not None),
        evaluation=evaluate_lists(recommend, holdout, histories.item_counts(), list_length=100),
    )


def _curves() -> tuple[Curve, ...]:
    rng = np.random.default_rng(3)
    autoencoder = tuple(
        {
            "loss": 0.021 + 0.05 * np.exp(-epoch / 4),
            "ndcg@20": 0.164 - 0.07 * np.exp(-epoch / 3) - 0.0004 * max(0, epoch - 12),
            "recall@20": 0.113 - 0.05 * np.exp(-epoch / 3) - 0.0003 * max(0, epoch - 12),
        }
        for epoch in range(1, 16)
    )
    gan = tuple(
        {
            "loss": 1.0,
            "generator_loss": 0.7 + 1.1 * np.exp(-epoch / 6) + rng.normal(0, 0.03),
            "discriminator_loss": 1.36 - 0.9 * np.exp(-epoch / 7) + rng.normal(0, 0.02),
            "accuracy_real": 0.53 + 0.4 * np.exp(-epoch / 6) + rng.normal(0, 0.01),
            "accuracy_generated": 0.5 + 0.47 * np.exp(-epoch / 9) + rng.normal(0, 0.01),
            "ndcg@20": 0.163 - 0.02 * np.exp(-epoch / 8) + rng.normal(0, 0.0006),
        }
        for epoch in range(1, 41)
    )
    return (
        Curve(kind="extractor", label="autoencoder", epochs=autoencoder, best_epoch=12),
        Curve(kind="generator", label="gan", epochs=gan, best_epoch=33),
    )
