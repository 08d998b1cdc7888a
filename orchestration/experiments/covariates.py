"""Means with less noise: what units did before exposure taken into account (CUPED)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestration.experiments.means import Sample

FloatArray = NDArray[np.float64]

# Regressors whose correlation matrix is nearer to singular than this say one thing.
SINGULAR = 1e-10


@dataclass(frozen=True)
class CovariedSample:
    """An outcome and its regressors per unit of one arm, one element per comparison.

    Attributes
    ----------
    units : FloatArray, shape (n,)
        Units of the arm.
    means : FloatArray, shape (n, 1 + k)
        Means of the outcome, then of its k regressors.
    covariances : FloatArray, shape (n, 1 + k, 1 + k)
        Of a unit, in the same order, with `units` less 1 as divisor.
    """

    units: FloatArray
    means: FloatArray
    covariances: FloatArray


@dataclass(frozen=True)
class Adjusted:
    """The arms with what their regressors explain taken out.

    Attributes
    ----------
    control, treatment : Sample
        Adjusted means and variances, arrays of shape (n,).
    coefficients : FloatArray, shape (n, k)
        What one more of each regressor adds to the outcome.
    variance_reduction : FloatArray, shape (n,)
        By which share the variance of the difference fell: 0.5 is as good as twice
        the units. NaN where there was none.
    """

    control: Sample
    treatment: Sample
    coefficients: FloatArray
    variance_reduction: FloatArray


def adjust_means(*, control: CovariedSample, treatment: CovariedSample) -> Adjusted:
    """Take out of two means what the units' regressors say of them.

    The regressors are from before exposure, so treatment cannot have moved them, and
    the difference stays what it was on average [1]_. Coefficients are those of least
    squares over the units of both arms together. Where regressors say the same, or do
    not vary, the shortest solution is taken; with none left, nothing changes.

    Parameters
    ----------
    control, treatment : CovariedSample
        Arrays over n comparisons.

    Returns
    -------
    Adjusted
        Arrays over n comparisons, to be compared by `compare_means`.

    Raises
    ------
    ValueError
        If the arms differ in shape.

    References
    ----------
    .. [1] Deng, A., Xu, Y., Kohavi, R., Walker, T. (2013). Improving the sensitivity
       of online controlled experiments by utilizing pre-experiment data. WSDM 2013,
       section 3.2.

    Examples
    --------
    An outcome that its covariate explains by half, and a chance imbalance of 0.1.

    >>> arms = [
    ...     CovariedSample(
    ...         np.array([1000.0]),
    ...         np.array([[mean, mean]]),
    ...         np.array([[[2.0, 1.0], [1.0, 1.0]]]),
    ...     )
    ...     for mean in (1.0, 1.1)
    ... ]
    >>> adjusted = adjust_means(control=arms[0], treatment=arms[1])
    >>> round(float(adjusted.variance_reduction[0]), 2)
    0.5
    >>> round(float(adjusted.treatment.mean[0] - adjusted.control.mean[0]), 3)
    0.0
    """
    if control.covariances.shape != treatment.covariances.shape:
        msg = (
            f"control {control.covariances.shape} and treatment "
            f"{treatment.covariances.shape} differ in shape"
        )
        raise ValueError(msg)
    means, covariances = _together(control, treatment)
    coefficients = _coefficients(covariances)
    centre = means[:, 1:]
    arms = [_taken_out(arm, coefficients, centre) for arm in (control, treatment)]
    before = sum(arm.covariances[:, 0, 0] / arm.units for arm in (control, treatment))
    after = sum(arm.variance / arm.units for arm in arms)
    with np.errstate(divide="ignore", invalid="ignore"):
        reduction = np.where(np.asarray(before) > 0, 1 - after / before, np.nan)
    return Adjusted(arms[0], arms[1], coefficients, reduction)


def linearize_ratios(
    *, control: CovariedSample, treatment: CovariedSample
) -> tuple[CovariedSample, CovariedSample]:
    """Make of two ratios means of units, each with what to adjust them for.

    A ratio of sums varies as the mean of its numerators less the ratio times their
    denominators, over the mean denominator: the delta method [1]_. What units did
    before exposure is taken the same way, about one ratio of both arms.

    Parameters
    ----------
    control, treatment : CovariedSample
        Numerator, denominator, both before exposure, and having history: k = 4.

    Returns
    -------
    pair of CovariedSample
        The ratios as means, with k = 2 regressors; NaN where a denominator is zero.

    References
    ----------
    .. [1] Deng, A., Knoblich, U., Lu, J. (2018). Applying the delta method in metric
       analytics. Proceedings of KDD 2018, section 3 and appendix B.
    """
    totals = sum(arm.units[:, None] * arm.means for arm in (control, treatment))
    before = np.asarray(totals)[:, 2:4]
    has_before = before[:, 1] != 0
    earlier = np.where(
        has_before, before[:, 0] / np.where(has_before, before[:, 1], 1), 0
    )
    return _linearized(control, earlier), _linearized(treatment, earlier)


def _linearized(arm: CovariedSample, earlier: FloatArray) -> CovariedSample:
    divisor = np.where(arm.means[:, 1] == 0, np.nan, arm.means[:, 1])
    ratio = arm.means[:, 0] / divisor
    weights = np.zeros((len(arm.units), 3, 5))
    weights[:, 0, 0], weights[:, 0, 1] = 1 / divisor, -ratio / divisor
    weights[:, 1, 2], weights[:, 1, 3] = 1, -earlier
    weights[:, 2, 4] = 1
    means = np.einsum("nij,nj->ni", weights, arm.means)
    means[:, 0] = ratio
    covariances = np.einsum("nij,njk,nlk->nil", weights, arm.covariances, weights)
    return CovariedSample(arm.units, means, covariances)


def _together(
    control: CovariedSample, treatment: CovariedSample
) -> tuple[FloatArray, FloatArray]:
    """Means and covariances of both arms as one sample."""
    units = control.units + treatment.units
    share = (treatment.units / units)[:, None]
    means = control.means * (1 - share) + treatment.means * share
    apart = treatment.means - control.means
    between = np.einsum("ni,nj->nij", apart, apart)
    weight = (control.units * treatment.units / units)[:, None, None]
    squares = (
        (control.units - 1)[:, None, None] * control.covariances
        + (treatment.units - 1)[:, None, None] * treatment.covariances
        + weight * between
    )
    return means, squares / (units - 1)[:, None, None]


def _coefficients(covariances: FloatArray) -> FloatArray:
    """Least squares by correlations: units of measure do not decide what is small."""
    # Of arms with less than two units nothing is known, and nothing taken out.
    covariances = np.nan_to_num(covariances)
    spread = np.sqrt(np.einsum("nii->ni", covariances)[:, 1:])
    scale = np.where(spread > 0, spread, np.inf)
    between = covariances[:, 1:, 1:] / scale[:, :, None] / scale[:, None, :]
    outcome = covariances[:, 1:, 0] / scale
    inverse = np.linalg.pinv(between, rcond=SINGULAR, hermitian=True)
    return np.einsum("nij,nj->ni", inverse, outcome) / scale


def _taken_out(
    arm: CovariedSample, coefficients: FloatArray, centre: FloatArray
) -> Sample:
    weights = np.concatenate([np.ones((len(coefficients), 1)), -coefficients], axis=1)
    shift = np.einsum("nk,nk->n", coefficients, arm.means[:, 1:] - centre)
    variance = np.einsum("ni,nij,nj->n", weights, arm.covariances, weights)
    # Rounding may leave a little less than nothing.
    return Sample(arm.units, arm.means[:, 0] - shift, np.maximum(variance, 0))
