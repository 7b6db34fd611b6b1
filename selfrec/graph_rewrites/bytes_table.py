"""The item factors in 8 bits, with how far a score from them may be from the true one.

A query q and item factors f are turned by one orthogonal matrix, which leaves their product and spreads what is large
in few columns over all; then each is rounded to whole numbers in a unit of its own, of -127..127 (a query of -63..63
on processors whose sums would not be exact otherwise):

    R^T q = a Q,  Q = u + r,  |r_j| <= 1/2        R^T (f_n - m) = b_n G_n,  G_n = w_n + e_n,  |e_nj| <= 1/2

m is the mean of all f_n: it moves a user's scores by the same number, so their order is that without it. Then

    q . (f_n - m) / (a b_n)  =  Q . G_n  =  u . w_n + r . G_n + Q . e_n - r . e_n

The rest r is known once Q is, and R was drawn from all rotations alike before: so the part of G_n that is not along Q
lies in any direction alike, and its cosine with r is above s with a chance of at most 2 exp(-(d - 2) s^2 / 2) (the cap
of a sphere). With s so that the chance is CHANCE, or s = 1 where d is too small for that (Cauchy and Schwarz):

    |r . G_n| <= |G_n| A,  A   = s |r|   + |r . Q| / |Q|
    |Q . e_n| <= |Q| E_n,  E_n = s |e_n| + |e_n . G_n| / |G_n|        |r . e_n| <= |r| |e_n| <= (|r| / s) E_n

    q . (f_n - m)  <=  a b_n (u . w_n + A |G_n| + (|Q| + |r| / s) E_n)

A product of whole numbers with two more columns, each rounded upwards: A with |G_n|, and |Q| + |r| / s with E_n. An
item whose bound is below the k-th best score is in no list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfrec.histories import Float32

MOST = 127
"""Largest whole number of the table; that of queries is their form's (see screen.py)."""

CHANCE = 1e-18
"""Of a bound being too low, for one user and item."""

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
    cosine: float
    """s."""
    of_rest: float
    """What A is multiplied by, to be rounded upwards: the query's number for the first column of the bound."""
    of_length: float
    """What |Q| + |r| / s is multiplied by, for the second."""
    rounding: float
    """A score in float32 is off by less than this times |q|."""


def bytes_table(factors: Float32, items: int) -> BytesTable | None:
    """The table of float32[>= items, d] factors, of which the first `items` count; None where one is not finite."""
    d = factors.shape[1]
    mean = factors[:items].mean(axis=0, dtype=np.float64).astype(np.float32)
    if not np.isfinite(mean).all():
        return None
    turn, cosine = _rotation(d), min(1.0, math.sqrt(2 * math.log(2 / CHANCE) / max(d - 2, 1)))
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
        rest = np.subtract(turned, rounded, out=rounded)
        lengths[rows] = _lengths(turned)
        along = np.abs(np.einsum("ij,ij->i", rest, turned)) / np.maximum(lengths[rows], 1)
        errors[rows] = cosine * _lengths(rest) + along
        longest = max(longest, float(_lengths(factors[rows]).max()))
    lengths, errors = lengths * MARGIN, errors * MARGIN
    # By one less than the most, so that rounding upwards stays within a byte.
    of_rest, of_length = max(lengths.max(), 1) / (MOST - 1), max(errors.max(), 1e-3) / (MOST - 1)
    whole[d] = np.ceil(lengths / of_rest)
    whole[d + 1] = np.ceil(errors / of_length)
    # Turning in float32 moves scores too; it is counted with the rounding of the sums, d terms each.
    rounding = 4 * d * _EPSILON * float(longest + np.linalg.norm(mean))
    return BytesTable(turn, mean, whole, unit, cosine, float(of_rest), float(of_length), rounding)


def _rotation(d: int) -> Float32:
    """float32[d, d] drawn from all orthogonal matrices alike (Mezzadri 2007), the same for one d."""
    q, r = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))
    turn: Float32 = (q * np.where(np.diag(r) < 0, -1, 1)).astype(np.float32)
    return turn


def _lengths(rows: Float32) -> Float32:
    """float32[R] of float32[R, d]; rounded by less than the bounds are raised by (see MARGIN)."""
    lengths: Float32 = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return lengths
