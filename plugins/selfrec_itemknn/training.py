"""The nearest items by how many users they share (Deshpande and Karypis 2004), block of items by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from selfrec_itemknn.module import ItemKnn
from selfrec_itemknn.shared import LONGEST, Float32, Int64, shared_users

if TYPE_CHECKING:
    from selfrec.plugin import Fitting
    from selfrec_itemknn.options import ItemKnnOptions


def fill_in(module: ItemKnn, fitting: Fitting) -> None:
    """strength_ij = p_i^-a (G_ij / (sqrt(p_i p_j) + shrink))^e for the M largest of each item i.

    G_ij users have both items and p_i one. The loss is the share of items without a neighbour.
    """
    options, rows = fitting.options, fitting.histories.newest(LONGEST)
    popularity = rows.item_counts().clip(1).astype(np.float32)
    module.clear(options.neighbours)
    for epoch in fitting.epochs(module, 1):
        for block in shared_users(rows):
            cosines, nearest = block.nearest(popularity, options.shrink, options.neighbours)
            strengths = weighed(cosines, popularity, block.items, options)
            module.strengths[block.items] = torch.from_numpy(strengths).to(fitting.device)
            module.neighbours[block.items] = torch.from_numpy(nearest).to(fitting.device)
        alone = (module.strengths[:-1, 0] == 0).double().mean() if rows.n_items else 0.0
        epoch.report(loss=float(alone))


def weighed(cosines: Float32, popularity: Float32, items: Int64, options: ItemKnnOptions) -> Float32:
    """float32[b, M] strengths from the damped cosines of `items` int64[b] with their neighbours."""
    strengths = cosines**options.exponent * popularity[items][:, None] ** -options.popularity_exponent
    return strengths.astype(np.float32)
