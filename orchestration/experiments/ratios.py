"""Comparison of two ratios of sums, such as revenue per order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestration.experiments.means import MeanComparison, compare_estimates

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PairedSample:
    """Two numbers of each unit of an arm, one element per comparison.

    Attributes
    ----------
    units : FloatArray, shape (n,)
        Units of the arm.
    mean, other_mean : FloatArray, shape (n,)
        Means of the two: of a ratio, the numerator and the denominator.
    variance, other_variance, covariance : FloatArray, shape (n,)
        Of a unit, with `units` less 1 as divisor.
    """

    units: FloatArray
    mean: FloatArray
    other_mean: FloatArray
    variance: FloatArray
    other_variance: FloatArray
    covariance: FloatArray

    @property
    def ratio(self) -> FloatArray:
        """Mean over other mean; NaN where that is zero."""
        return self.mean / np.where(self.other_mean == 0, np.nan, self.other_mean)

    @property
    def ratio_variance(self) -> FloatArray:
        """Variance of `ratio` by the delta method."""
        ratio = self.ratio
        spread = (
            self.variance
            - 2 * ratio * self.covariance
            + np.square(ratio) * self.other_variance
        )
        units = np.where(self.units >= 2, self.units, np.nan)  # noqa: PLR2004
        # Rounding may leave a little less than nothing.
        return np.maximum(spread, 0) / units / np.square(self.other_mean)


def compare_ratios(
    *, control: PairedSample, treatment: PairedSample, alpha: ArrayLike = 0.05
) -> MeanComparison:
    """Compare ratios of sums over units, numerator and denominator both random.

    Units are what was randomized, so events of one unit are no independent draws: the
    variance is that of the units, by the delta method [1]_, and the test a z-test.

    Parameters
    ----------
    control, treatment : PairedSample
        Numerator and denominator of the units, arrays of shape (n,).
    alpha : array_like of float, shape (n,)
        One less the nominal coverage, strictly between 0 and 1.

    Returns
    -------
    MeanComparison
        Arrays of shape (n,); NaN where a denominator is zero, an arm has fewer than
        two units, or nothing varies.

    Raises
    ------
    ValueError
        If alpha is out of its range.

    References
    ----------
    .. [1] Deng, A., Knoblich, U., Lu, J. (2018). Applying the delta method in metric
       analytics. Proceedings of KDD 2018, equation 3.

    Examples
    --------
    >>> one = [np.array([each]) for each in (100.0, 2.0, 4.0, 1.0, 2.0, 0.5)]
    >>> two = [np.array([each]) for each in (100.0, 2.4, 4.0, 1.0, 2.0, 0.5)]
    >>> found = compare_ratios(control=PairedSample(*one), treatment=PairedSample(*two))
    >>> [round(float(each[0]), 3) for each in (found.difference, found.statistic)]
    [0.1, 2.747]
    """
    return compare_estimates(
        estimates=(control.ratio, treatment.ratio),
        variances=(control.ratio_variance, treatment.ratio_variance),
        alpha=alpha,
    )
