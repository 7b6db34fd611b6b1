"""The item factors in 8 bits, with how far a score from them may be from the true one.

A query q and item factors f are turned by one orthogonal matrix, which leaves their product and spreads what is large
in few columns over all; then each is rounded to whole numbers of -127..127 in a unit of its own:

    R^T q = a (u + r),  |r_j| <= 1/2        R^T (f_n - m) = b_n (w_n + e_n),  |e_nj| <= 1/2

m is the mean of all f_n: it moves a user's scores by the same number, so their order is that without it. Then

    q . (f_n - m) / a  =  b_n (u + r) . (w_n + e_n)  <=  b_n (u . w_n + |r| |w_n + e_n| + |u| |e_n|)

by Cauchy and Schwarz. The bound is a product of whole numbers with two more columns, each rounded upwards: one from
|r| and |w_n + e_n|, one from |u| and |e_n|. An item whose bound is below the k-th best score is in no list.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32

MOST = 127
"""Largest whole number of the table; queries have the same range around 128, their zero."""

_ROWS = 1024
"""Rows that are rounded at a time, so that they stay in the cache."""
_EPSILON = 2.0**-23

MARGIN = 1 + 1e-4
"""Lengths are summed in float32, so bounds are raised by this much."""


@dataclass(frozen=True)
class BytesTable:
    """Of N items and queries of width d."""

    turn: Float32
    """R float32[d, d]."""
    mean: Float32
    """m float32[d]."""
    whole: npt.NDArray[np.int8]
    """int8[d + 2, N]: w, and the two columns of the bound."""
    unit: Float32
    """b float32[N]."""
    of_rest: float
    """What |r| is multiplied by, to be rounded upwards: the query's number for the first column of the bound."""
    of_whole: float
    """The same of |u| for the second."""
    rounding: float
    """A score in float32 is off by less than this times |q|."""


def bytes_table(factors: Float32, items: int) -> BytesTable | None:
    """The table of float32[>= items, d] factors, of which the first `items` count; None where one is not finite."""
    d = factors.shape[1]
    mean = factors[:items].mean(axis=0, dtype=np.float64).astype(np.float32)
    if not np.isfinite(mean).all():
        return None
    turn = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0].astype(np.float32)
    whole = np.zeros((d + 2, len(factors)), dtype=np.int8)
    unit = np.zeros(len(factors), dtype=np.float32)
    lengths, errors, longest = np.zeros(len(factors)), np.zeros(len(factors)), 0.0
    for start in range(0, items, _ROWS):
        rows = slice(start, min(start + _ROWS, items))
        turned = (factors[rows] - mean) @ turn
        unit[rows] = np.maximum(np.abs(turned).max(axis=1) / MOST, np.finfo(np.float32).tiny)
        turned /= unit[rows, None]
        rounded = np.rint(turned)
        whole[:d, rows] = rounded.astype(np.int8).T
        lengths[rows] = _lengths(turned)
        errors[rows] = _lengths(np.subtract(turned, rounded, out=rounded))
        longest = max(longest, float(_lengths(factors[rows]).max()))
    lengths, errors = lengths * MARGIN, errors * MARGIN
    # By one less than the most, so that rounding upwards stays within a byte.
    of_rest, of_whole = max(lengths.max(), 1) / (MOST - 1), max(errors.max(), 1e-3) / (MOST - 1)
    whole[d] = np.ceil(lengths / of_rest)
    whole[d + 1] = np.ceil(errors / of_whole)
    # Turning in float32 moves scores too; it is counted with the rounding of the sums, d terms each.
    rounding = 4 * d * _EPSILON * float(longest + np.linalg.norm(mean))
    return BytesTable(turn, mean, whole, unit, float(of_rest), float(of_whole), rounding)


def _lengths(rows: Float32) -> Float32:
    """float32[R] of float32[R, d]; rounded by less than the bounds are raised by (see MARGIN)."""
    lengths: Float32 = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths
