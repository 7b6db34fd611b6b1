"""Candidate rows: what the generators make of held-out rows, for the ranker to learn from and to be measured on."""

from __future__ import annotations

import numpy as np
import torch

from selfrec.evaluation.metrics import hits
from selfrec.histories import Holdout, Int64
from selfrec.pipeline.batch import UserBatch
from selfrec.pipeline.fitting import CandidateRows
from selfrec.pipeline.measure import K, eval_batches, mask_seen
from selfrec.pipeline.parts import Part
from selfrec.pipeline.recommender import NEVER, Recommender


@torch.no_grad()
def candidate_rows(
    recommender: Recommender, holdout: Holdout, device: torch.device, *, only_hits: bool
) -> CandidateRows:
    """The top C of the generators' sum for every row; with `only_hits`, rows whose candidates hold no target are left
    out, because nothing can be learned from them.
    """
    count, n_items = recommender.candidates, recommender.n_items
    candidates = np.full((len(holdout), count), n_items, dtype=np.int64)
    scores = np.zeros((len(holdout), count, recommender.generator_count), dtype=np.float32)
    for rows, batch, masked_items in eval_batches(holdout, device):
        masked = mask_seen(recommender.generator_scores(batch), masked_items)
        values, items = masked.topk(count, dim=1)
        items = items.masked_fill(values == NEVER, n_items).sort(dim=1).values
        seen = recommender.candidate_scores(batch, items, items < n_items)
        candidates[rows], scores[rows] = items.cpu().numpy(), seen.cpu().numpy()
    labels = hits(candidates, holdout.targets).astype(np.float32)
    rows = np.flatnonzero(labels.any(1)) if only_hits else np.arange(len(holdout))
    return CandidateRows(holdout.inputs.take(rows), candidates[rows], scores[rows], labels[rows])


@torch.no_grad()
def rank_candidates(ranker: Part, recommender: Recommender, rows: CandidateRows, device: torch.device) -> Int64:
    """int64[R, 20] the candidates in the ranker's order, best first; equal scores by item number."""
    ranked = np.full((len(rows.inputs), K), recommender.n_items, dtype=np.int64)
    width = min(K, rows.candidates.shape[1])
    for start in range(0, len(ranked), 1024):
        part = slice(start, start + 1024)
        batch = UserBatch.of(rows.inputs, np.arange(len(ranked))[part], device=device)
        items = torch.from_numpy(rows.candidates[part]).to(device)
        scores = torch.from_numpy(rows.scores[part]).to(device)
        final = ranker.rank(batch, recommender.features(batch), items, scores)
        final = final.masked_fill(items == recommender.n_items, NEVER)
        order = final.sort(dim=1, descending=True, stable=True).indices[:, :width]
        ranked[part, :width] = items.gather(1, order).cpu().numpy()
    return ranked
