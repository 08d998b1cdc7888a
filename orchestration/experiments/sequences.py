"""Confidence sequences: intervals that hold at every look at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import lambertw

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ConfidenceSequence:
    """Where a difference lies, however often one looks; one element per comparison.

    Attributes
    ----------
    low, high : FloatArray, shape (n,)
        Bounds, in the unit of the difference; NaN where the variance is zero, since
        it says nothing then.
    p_value : FloatArray, shape (n,)
        Always-valid p-value: below alpha exactly where the bounds exclude zero; NaN as
        above.
    """

    low: FloatArray
    high: FloatArray
    p_value: FloatArray


def confidence_sequence(
    *,
    difference: ArrayLike,
    variance: ArrayLike,
    units: ArrayLike,
    expected_units: ArrayLike = 5_000,
    alpha: ArrayLike = 0.05,
) -> ConfidenceSequence:
    """Bound a difference of proportions or means at every look at once.

    The asymptotic confidence sequence of the normal mixture [1]_: with probability
    1 - alpha all its intervals, over all looks together, hold the difference, once
    there are enough units for the normal approximation. Its width at n units is
    smallest relative to a fixed interval's where n is `expected_units`.

    Parameters
    ----------
    difference : array_like of float, shape (n,)
        Treatment minus control.
    variance : array_like of float, shape (n,)
        Variance of `difference` (not of a unit), as estimated without assuming equal
        arms; its square's unit.
    units : array_like of int, shape (n,)
        Units of both arms together, at least 2.
    expected_units : array_like of float, shape (n,)
        Units of both arms at which a decision is expected. Chosen before the first
        look and never changed: the guarantee rests on it.
    alpha : array_like of float, shape (n,)
        Probability of ever excluding the truth, strictly between 0 and 1.

    Returns
    -------
    ConfidenceSequence
        Arrays of shape (n,).

    Raises
    ------
    ValueError
        If a variance is negative, or another number is out of its range.

    References
    ----------
    .. [1] Waudby-Smith, I., Arbour, D., Sinha, R., Kennedy, E. H., Ramdas, A. (2024).
       Time-uniform central limit theory and asymptotic confidence sequences. Annals
       of Statistics 52(6), 2613-2640: theorem 2.2; tuned as in its appendix.

    Examples
    --------
    At the expected number of units, 3.04 standard errors to either side; a fixed
    interval takes 1.96.

    >>> found = confidence_sequence(difference=[0.0], variance=[1.0], units=[5_000])
    >>> round(float(found.high[0]), 4)
    3.0351
    """
    distance, spread, counted, expected, level = np.broadcast_arrays(
        *(
            np.atleast_1d(np.asarray(each, dtype=float))
            for each in (difference, variance, units, expected_units, alpha)
        )
    )
    if np.any(~((level > 0) & (level < 1))):
        msg = "alpha must be strictly between 0 and 1"
        raise ValueError(msg)
    if np.any(spread < 0) or np.any(counted < 2) or np.any(~(expected >= 1)):  # noqa: PLR2004
        msg = "variance must be at least 0, units at least 2, expected_units at least 1"
        raise ValueError(msg)
    # How far along the experiment is: rho squared of the source, times units.
    progress = _best_progress(level) * counted / expected
    known = np.where(spread > 0, spread, np.nan)
    stretch = (progress + 1) / progress
    log_bound = np.log1p(progress) / 2 - np.log(level)
    margin = np.sqrt(known * 2 * stretch * log_bound)
    log_p = np.log1p(progress) / 2 - distance**2 / known / (2 * stretch)
    return ConfidenceSequence(
        low=distance - margin,
        high=distance + margin,
        p_value=np.exp(np.minimum(0.0, log_p)),
    )


def _best_progress(alpha: FloatArray) -> FloatArray:
    """Rho squared times units where the margin is smallest relative to its error."""
    return -np.real(lambertw(-(alpha**2) / np.e, k=-1)) - 1
