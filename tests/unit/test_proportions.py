import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2_contingency, norm

from orchestration.experiments.proportions import compare_proportions


def compare(control: tuple[int, int], treatment: tuple[int, int], **options: float):
    """Compare (conversions, units) pairs, so that a case reads as one line."""
    return compare_proportions(
        control_conversions=control[0],
        control_units=control[1],
        treatment_conversions=treatment[0],
        treatment_units=treatment[1],
        **options,
    )


# Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 5 (Mee).
@pytest.mark.parametrize(
    ("control", "treatment", "low", "high"),
    [
        pytest.param((48, 80), (56, 70), 0.0533, 0.3377, id="both rates large"),
        pytest.param((3, 10), (9, 10), 0.1821, 0.8370, id="ten units a side"),
        pytest.param((0, 29), (5, 56), -0.0313, 0.1926, id="both rates small"),
        pytest.param((0, 20), (0, 10), -0.1611, 0.2775, id="nobody converts"),
        pytest.param((0, 10), (10, 10), 0.6777, 1.0000, id="all against none"),
    ],
)
def test_interval_matches_published_table(control, treatment, low, high):
    result = compare(control, treatment)
    assert (result.low[0], result.high[0]) == pytest.approx((low, high), abs=5e-5)


def test_p_value_equals_the_chi_square_test_without_correction():
    result = compare((3, 10), (9, 10))
    table = [[3, 7], [9, 1]]
    assert result.p_value[0] == pytest.approx(
        chi2_contingency(table, correction=False).pvalue, rel=1e-12
    )


def test_p_value_survives_a_huge_effect():
    assert 0 < compare((1_000, 100_000), (1_900, 100_000)).p_value[0] < 1e-50


def test_interval_excludes_zero_exactly_when_p_is_below_alpha():
    random = np.random.default_rng(20_261_101)
    units = random.integers(1, 200, size=(2, 5_000))
    conversions = random.binomial(units, random.uniform(0, 1, size=(2, 5_000)))
    result = compare_proportions(
        control_conversions=conversions[0],
        control_units=units[0],
        treatment_conversions=conversions[1],
        treatment_units=units[1],
    )
    excludes = (result.low > 0) | (result.high < 0)
    assert np.array_equal(excludes, result.p_value < 0.05)
    assert 0.2 < excludes.mean() < 0.9


def test_swapping_the_groups_mirrors_the_interval():
    there, back = compare((5, 56), (12, 60)), compare((12, 60), (5, 56))
    assert there.low[0] == pytest.approx(-back.high[0], abs=1e-12)
    assert there.p_value[0] == back.p_value[0]


def test_bounds_are_where_the_likelihood_score_meets_the_critical_value():
    """An oracle by another route: the restricted rate by numeric optimisation."""
    control, treatment = (7, 40), (19, 50)
    result = compare(control, treatment)
    for bound in (result.low[0], result.high[0]):
        statistic = _score_by_optimisation(control, treatment, float(bound))
        assert abs(statistic) == pytest.approx(norm.isf(0.025), abs=1e-4)


@pytest.mark.parametrize(
    ("control", "treatment", "message"),
    [
        ((0, 0), (1, 2), "control_units must be at least 1"),
        ((1, 2), (3, 2), "treatment_conversions must lie between 0 and"),
    ],
)
def test_impossible_counts_are_refused_by_name(control, treatment, message):
    with pytest.raises(ValueError, match=message):
        compare(control, treatment)


def test_rates_without_information_give_no_p_value():
    assert np.isnan(compare((0, 20), (0, 10)).p_value[0])


def _score_by_optimisation(control, treatment, difference):
    (control_hits, control_n), (treated_hits, treated_n) = control, treatment

    def minus_likelihood(rate):
        other = rate + difference
        return -(
            control_hits * np.log(rate)
            + (control_n - control_hits) * np.log(1 - rate)
            + treated_hits * np.log(other)
            + (treated_n - treated_hits) * np.log(1 - other)
        )

    low, high = max(0, -difference) + 1e-12, min(1, 1 - difference) - 1e-12
    rate = minimize_scalar(
        minus_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    other = rate + difference
    spread = rate * (1 - rate) / control_n + other * (1 - other) / treated_n
    observed = treated_hits / treated_n - control_hits / control_n
    return (observed - difference) / np.sqrt(spread)
