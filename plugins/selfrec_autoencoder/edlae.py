"""EDLAE in closed form, folded with a trained ELSA into the columns of one low-rank linear autoencoder.

EDLAE (Steck 2020, "Autoencoders that don't overfit towards the identity") with dropout p and l2 norm lambda:

    B = I - C diag(1 / C_ii),   C = (G + p / (1 - p) diag(G) + lambda I)^-1,   G = X^T X

ELSA learns which items go with which from the angles of histories, EDLAE from their counts: their sum ranks better
than each. It is made as narrow as ELSA was by reduced-rank regression: of all B_r of rank r, B V V^T is the nearest to
B on the histories, |X B - X B_r|, when V holds the r first eigenvectors of B^T G B.
"""

from __future__ import annotations

import torch
from torch import Tensor

from selfrec.plugin import Histories, gram_matrix
from selfrec_autoencoder.choice import Plan
from selfrec_autoencoder.linear import TINY, LinearAutoencoder

DROPOUT = 0.5
"""p."""

CLOSED_SHARE = 0.5
"""Spread of EDLAE's scores, as a multiple of ELSA's."""


def can_fold(module: LinearAutoencoder, plan: Plan) -> bool:
    """Whether there is an ELSA that was not asked for by name, on a catalog whose N x N matrices are worth it."""
    unnamed = plan.options.objective == "auto" and int(module.split) < module.width
    return unnamed and module.items <= plan.options.closed_form_items


@torch.no_grad()
def fold_edlae(module: LinearAutoencoder, histories: Histories, plan: Plan) -> None:
    """Replace ELSA's columns by those of the sum of ELSA and EDLAE, the latter at CLOSED_SHARE of the spread."""
    split = int(module.split)
    shown, ranked = (table.double() for table in module.elsa_tables())
    gram = gram_matrix(histories, weighted=True).to(shown.device)
    elsa = shown @ ranked.T
    elsa.fill_diagonal_(0)
    closed = edlae(gram, plan.options.closed_form_l2)
    both = elsa / _spread(elsa, gram) + CLOSED_SHARE * closed / _spread(closed, gram)
    vectors = torch.linalg.eigh(both.T @ gram @ both).eigenvectors.flip(1)[:, : module.width - split]
    encoder, decoder = both @ vectors, vectors
    scale = encoder.norm(dim=1).mean().clamp_min(TINY)
    module.encoder[:, split:] = 0
    module.decoder[:, split:] = 0
    module.encoder[:-1, split : split + encoder.shape[1]] = (encoder / scale).float()
    module.decoder[:, split : split + decoder.shape[1]] = decoder.float()
    module.folded.fill_(1)
    module.derive()


def edlae(gram: Tensor, l2: float, dropout: float = DROPOUT) -> Tensor:
    """float64[N, N] B of the formula above, its diagonal 0; gram float64[N, N]."""
    damping = l2 + dropout / (1 - dropout) * gram.diagonal()
    inverse = torch.linalg.inv(gram + torch.diag(damping))
    weights: Tensor = -inverse / inverse.diagonal()
    return weights.fill_diagonal_(0)


def _spread(weights: Tensor, gram: Tensor) -> Tensor:
    """float64[] about the size of the scores X B: the root of their mean square, tr(B^T G B), up to a constant."""
    return ((gram @ weights) * weights).sum().clamp_min(TINY).sqrt()
