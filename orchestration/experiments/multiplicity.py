"""Many comparisons at once: p-values adjusted within declared families."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.experiments.arms import Correction

FloatArray = NDArray[np.float64]


def adjust_p_values(
    p_values: ArrayLike, *, family: ArrayLike, correction: Correction = "holm"
) -> FloatArray:
    """Adjust p-values for how many comparisons their family makes.

    Holm's step-down keeps the probability of any false claim in a family at alpha
    whatever depends on what [1]_; Benjamini and Hochberg's step-up keeps the expected
    share of false claims at alpha where tests are independent or positively
    dependent [2]_. A comparison is claimed where its adjusted value is below alpha.

    Parameters
    ----------
    p_values : array_like of float, shape (n,)
        Between 0 and 1. A NaN is a declared comparison that cannot be made yet: it
        counts in its family as if it were 1, so that nothing is gained by its absence.
    family : array_like of int, shape (n,)
        Which family each belongs to; equal numbers are one family.
    correction : {"holm", "benjamini_hochberg"}
        What is controlled.

    Returns
    -------
    FloatArray, shape (n,)
        Adjusted values, at most 1 and never below the raw ones; NaN where those are.

    Raises
    ------
    ValueError
        If shapes differ, or a value lies outside 0 and 1.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure.
       Scandinavian Journal of Statistics 6(2), 65-70.
    .. [2] Benjamini, Y., Hochberg, Y. (1995). Controlling the false discovery rate.
       Journal of the Royal Statistical Society B 57(1), 289-300.

    Examples
    --------
    >>> adjust_p_values([0.01, 0.04, 0.03], family=[0, 0, 0]).tolist()
    [0.03, 0.06, 0.06]
    """
    raw = np.asarray(p_values, dtype=float)
    names = np.asarray(family)
    if raw.ndim != 1 or raw.shape != names.shape:
        msg = f"p_values {raw.shape} and family {names.shape} must be one-dimensional"
        raise ValueError(msg)
    if np.any((raw < 0) | (raw > 1)):
        msg = "p_values must lie between 0 and 1"
        raise ValueError(msg)
    if not raw.size:
        return raw.copy()
    ranks, place, sizes = _ordered(np.nan_to_num(raw, nan=1.0), names)
    # One row per family, its values in order; what is missing changes no result.
    table = np.full((sizes.size, sizes.max()), np.nan)
    table[place, ranks] = np.nan_to_num(raw, nan=1.0)
    steps = np.arange(table.shape[1])
    if correction == "holm":
        scaled = table * (sizes[:, None] - steps)
        stepped = np.fmax.accumulate(scaled, axis=1)
    else:
        scaled = table * (sizes[:, None] / (steps + 1))
        stepped = np.fmin.accumulate(scaled[:, ::-1], axis=1)[:, ::-1]
    adjusted = np.minimum(1.0, stepped[place, ranks])
    return np.where(np.isnan(raw), np.nan, adjusted)


def _ordered(
    values: FloatArray, names: NDArray
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return each value's rank in its family, the family's row, and all sizes."""
    _, place, sizes = np.unique(names, return_inverse=True, return_counts=True)
    order = np.lexsort((values, place))
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    ranks = np.empty(values.size, dtype=np.intp)
    ranks[order] = np.arange(values.size) - starts[place[order]]
    return ranks, place, sizes
