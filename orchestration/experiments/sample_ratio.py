"""Sample-ratio mismatch: arms whose traffic is not the share declared for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlogy
from scipy.stats import chi2

FloatArray = NDArray[np.float64]

# Below these the chi-square approximation is not to be trusted (SEMANTICS 2.11).
MINIMUM_UNITS = 100
MINIMUM_EXPECTED = 8
# Under this a mismatch is declared; usual for this test, as it guards, not explores.
THRESHOLD = 0.001
# What the prior of the sequential test weighs, in units: it looks for small deviations.
CONCENTRATION = 10_000


@dataclass(frozen=True)
class SampleRatio:
    """Observed against declared shares, one element per experiment.

    Attributes
    ----------
    p_value : FloatArray, shape (n,)
        Chi-square goodness of fit, for one look at a fixed time; NaN where fewer than
        two arms could receive traffic, or nobody came.
    sequential_p_value : FloatArray, shape (n,)
        Sequential multinomial test: stays valid however often one looks; NaN as above.
    is_testable : NDArray of bool, shape (n,)
        Whether there are enough units for the chi-square test to decide.
    """

    p_value: FloatArray
    sequential_p_value: FloatArray
    is_testable: NDArray[np.bool_]


def compare_sample_ratio(*, units: ArrayLike, weights: ArrayLike) -> SampleRatio:
    """Compare the units of all arms with the weights declared for them.

    The chi-square test has as many degrees of freedom as arms with a weight above
    zero, less one. The sequential test is a Bayes factor: a Dirichlet prior around
    the declared shares against those shares; its reciprocal is a p-value at every
    look at once, by Ville's inequality [1]_.

    Parameters
    ----------
    units : array_like of int, shape (n, arms)
        Exposed units per arm, those of several arms left out. Pad with zeros.
    weights : array_like of float, shape (n, arms)
        Declared shares, in any unit; arms of weight 0 could receive no traffic, and
        their units are not looked at.

    Returns
    -------
    SampleRatio
        Arrays of shape (n,).

    Raises
    ------
    ValueError
        If the shapes differ, or a number is negative.

    References
    ----------
    .. [1] Lindon, M., Malek, A. (2022). Anytime-valid inference for multinomial count
       data. Advances in Neural Information Processing Systems 35, section 3.

    Examples
    --------
    Kohavi, Tang, Xu (2020), Trustworthy Online Controlled Experiments, chapter 3:
    821,588 units against 815,482 where halves were declared, p = 1.8e-6.

    >>> ratio = compare_sample_ratio(units=[[821_588, 815_482]], weights=[[1, 1]])
    >>> f"{ratio.p_value[0]:.1e}"
    '1.8e-06'
    """
    declared = np.atleast_2d(np.asarray(weights, dtype=float))
    counted = np.atleast_2d(np.asarray(units, dtype=float))
    if declared.shape != counted.shape:
        msg = f"units {counted.shape} and weights {declared.shape} differ in shape"
        raise ValueError(msg)
    if np.any(~(declared >= 0)) or np.any(~(counted >= 0)):
        msg = "units and weights must not be negative"
        raise ValueError(msg)
    is_open = declared > 0
    observed = np.where(is_open, counted, 0.0)
    total = observed.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        shares = declared / declared.sum(axis=1, keepdims=True)
    expected = total * shares
    freedom = is_open.sum(axis=1) - 1
    is_defined = (freedom > 0) & (total[:, 0] > 0)
    smallest = np.where(is_open, expected, np.inf).min(axis=1)
    return SampleRatio(
        p_value=np.where(is_defined, _chi_square(observed, expected, freedom), np.nan),
        sequential_p_value=np.where(
            is_defined, _sequential(observed, shares, is_open), np.nan
        ),
        is_testable=is_defined
        & (total[:, 0] >= MINIMUM_UNITS)
        & (smallest >= MINIMUM_EXPECTED),
    )


def _chi_square(
    observed: FloatArray, expected: FloatArray, freedom: NDArray[np.int_]
) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(expected > 0, (observed - expected) ** 2 / expected, 0.0)
    return chi2.sf(terms.sum(axis=1), np.maximum(freedom, 1))


def _sequential(
    observed: FloatArray, shares: FloatArray, is_open: NDArray[np.bool_]
) -> FloatArray:
    """Reciprocal of the Bayes factor, at most 1.

    Differences of log-gammas lose digits with the size of their arguments: at 1e9
    units about 1e-6 of the logarithm, far from what any threshold needs.
    """
    prior = np.where(is_open, CONCENTRATION * shares, 1.0)
    total = observed.sum(axis=1)
    log_factor = (
        gammaln(CONCENTRATION)
        - gammaln(CONCENTRATION + total)
        + (
            gammaln(prior + observed)
            - gammaln(prior)
            - xlogy(observed, np.where(is_open, shares, 1.0))
        ).sum(axis=1)
    )
    return np.exp(np.minimum(0.0, -log_factor))
