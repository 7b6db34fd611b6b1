"""Generator scores on a scale of their own: what every ranker here starts from."""

from __future__ import annotations

from torch import Tensor


def above_lowest(scores: Tensor) -> Tensor:
    """Each row of float32[B, C, ...] less its lowest: exactly 0 where all are equal, and so are sums of such.

    Expanded, here and below, since onnxruntime is slow where a short last axis is broadcast [measured].
    """
    return scores - scores.amin(1, keepdim=True).expand_as(scores)


def standardised(scores: Tensor) -> Tensor:
    """Each row of float32[B, C, ...] with mean 0 and standard deviation 1 over the candidates; 0 where all are equal.

    Order is kept, and the scale no longer depends on the generator or the length of the history.
    """
    # From the lowest first: the mean of equal numbers is rounded, and the division would make rounding look like taste.
    above = above_lowest(scores)
    centred = above - above.mean(1, keepdim=True).expand_as(above)
    spread = centred.square().mean(1, keepdim=True).sqrt()
    return centred / spread.clamp_min(1e-6).expand_as(centred)
