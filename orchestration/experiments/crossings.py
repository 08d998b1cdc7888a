"""Where a function crosses zero, for many brackets at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Halving [-1, 1] this often leaves 2e-18: below the spacing of doubles near 1.
STEPS = 60
_SPACING = 2 * np.finfo(float).eps
_LEAST = 1e-18


def crossing(
    function: Callable[[FloatArray], FloatArray],
    *,
    inside: FloatArray,
    outside: FloatArray,
    tolerance: FloatArray,
) -> FloatArray:
    """Narrow brackets down to a tolerance; return the inner ends.

    Inverse quadratic interpolation where it is sure to help, else halving [1]_: a
    seventh of the steps that halving alone takes.

    Parameters
    ----------
    function : callable
        Of arrays of shape (n,), elementwise: at most 0 on the inside of the crossing
        and above 0 outside.
    inside, outside : FloatArray, shape (n,)
        The ends. They are taken as that, whatever the function rounds to there.
    tolerance : FloatArray, shape (n,)
        How wide a bracket may stay; never less than neighbouring doubles.

    Returns
    -------
    FloatArray, shape (n,)
        The outermost points that were found to be inside.

    References
    ----------
    .. [1] Chandrupatla, T. R. (1997). A new hybrid quadratic/bisection algorithm for
       finding the zero of a nonlinear function without using derivatives. Advances in
       Engineering Software 28(3), 145-149.

    Examples
    --------
    >>> one = np.array([1.0])
    >>> found = crossing(
    ...     lambda each: each**2 - 2, inside=one, outside=one * 2, tolerance=one * 1e-14
    ... )
    >>> round(float(found[0]), 12)
    1.414213562373
    """
    # The newest end, the end across the crossing, and the one before the newest.
    newest, across, before = inside, outside, outside
    f_newest = np.minimum(function(inside), -_LEAST)
    f_across = np.maximum(function(outside), _LEAST)
    f_before = f_across
    share = np.full(len(inside), 0.5)
    for _ in range(STEPS):
        point = newest + share * (across - newest)
        f_point = function(point)
        is_same = (f_point <= 0) == (f_newest <= 0)
        before, f_before = (
            np.where(is_same, newest, across),
            np.where(is_same, f_newest, f_across),
        )
        across, f_across = (
            np.where(is_same, across, newest),
            np.where(is_same, f_across, f_newest),
        )
        newest, f_newest = point, f_point
        width = np.abs(across - newest)
        least = np.maximum(tolerance / 2, _SPACING * np.abs(newest) + _LEAST)
        if np.all(width <= 2 * least):
            break
        share = _share((newest, across, before), (f_newest, f_across, f_before))
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(width > 0, least / width, 0.5)
        share = np.clip(share, np.minimum(step, 0.5), 1 - np.minimum(step, 0.5))
    return np.where(f_newest <= 0, newest, across)


def _share(
    points: tuple[FloatArray, ...], values: tuple[FloatArray, ...]
) -> FloatArray:
    """How far to go from the newest point across: half, if nothing better is sure."""
    newest, across, before = points
    f_newest, f_across, f_before = values
    with np.errstate(all="ignore"):
        place = (newest - across) / (before - across)
        height = (f_newest - f_across) / (f_before - f_across)
        is_sure = (1 - np.sqrt(1 - place) < height) & (height < np.sqrt(place))
        share = f_newest / (f_across - f_newest) * f_before / (f_across - f_before) + (
            before - newest
        ) / (across - newest) * f_newest / (f_before - f_newest) * f_across / (
            f_before - f_across
        )
    return np.where(is_sure & np.isfinite(share), share, 0.5)
