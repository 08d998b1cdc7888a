"""Statistics of experiments against statsmodels, scipy and published figures."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, fisher_exact, norm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    proportions_ztest,
)

from orchestration.experiments.lift import relative_lift
from orchestration.experiments.multiplicity import adjust_p_values
from orchestration.experiments.proportions import compare_proportions, exact_p_values
from orchestration.experiments.sample_ratio import compare_sample_ratio
from orchestration.experiments.sample_size import (
    Design,
    mean_sample_size,
    proportion_sample_size,
)
from orchestration.experiments.sequences import confidence_sequence
from tests.conformance.landed import case

SEED = 20_261_120
# Counts of 1 and 1e9, rates near 0 and near 1, p down to 1e-300: (conversions, units).
EXTREMES = [
    ((1, 1_000_000_000), (5, 1_000_000_000)),
    ((1, 1), (1, 1_000_000_000)),
    ((999_999_999, 1_000_000_000), (999_999_990, 1_000_000_000)),
    ((500_000_000, 1_000_000_000), (500_100_000, 1_000_000_000)),
    ((1, 2), (400_000_000, 1_000_000_000)),
    ((100_000, 1_000_000), (111_390, 1_000_000)),
    ((100_000, 1_000_000), (116_000, 1_000_000)),
]


def compare(control, treatment, **options):
    return compare_proportions(
        control_conversions=[each[0] for each in control],
        control_units=[each[1] for each in control],
        treatment_conversions=[each[0] for each in treatment],
        treatment_units=[each[1] for each in treatment],
        **options,
    )


def drawn(count):
    random = np.random.default_rng(SEED)
    units = np.exp(random.uniform(0, np.log(1e6), (2, count))).astype(int)
    conversions = random.binomial(units, random.uniform(0, 1, (2, count)))
    return [
        list(zip(*each, strict=True)) for each in zip(conversions, units, strict=True)
    ]


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        pytest.param(*zip(*EXTREMES, strict=True), id="extremes"),
        pytest.param(*drawn(500), id="drawn"),
    ],
)
def test_z_and_p_equal_those_of_statsmodels(control, treatment):
    found = compare(control, treatment)
    checked = 0
    for place, (first, second) in enumerate(zip(control, treatment, strict=True)):
        if 0 < first[0] + second[0] < first[1] + second[1]:
            counts = [second[0], first[0]], [second[1], first[1]]
            statistic, p_value = proportions_ztest(*counts)
            assert found.statistic[place] == pytest.approx(statistic, rel=1e-9)
            if p_value > 0:
                assert np.log10(found.p_value[place]) == pytest.approx(
                    np.log10(p_value), rel=1e-6, abs=1e-9
                )
            checked += 1
    assert checked >= 6


def test_differences_and_z_equal_exact_arithmetic():
    found = compare(*zip(*EXTREMES, strict=True))
    for place, (first, second) in enumerate(EXTREMES):
        control, treatment = Fraction(*first), Fraction(*second)
        pooled = Fraction(first[0] + second[0], first[1] + second[1])
        spread = (
            pooled * (1 - pooled) * (Fraction(1, first[1]) + Fraction(1, second[1]))
        )
        squared = (treatment - control) ** 2 / spread
        assert found.difference[place] == pytest.approx(
            float(treatment - control), rel=1e-7
        )
        assert found.statistic[place] ** 2 == pytest.approx(float(squared), rel=1e-7)


def test_p_is_still_told_apart_at_1e_minus_300():
    found = compare([(100_000, 1_000_000)], [(116_060, 1_000_000)])
    assert 1e-306 < found.p_value[0] < 1e-290


def _all_counts(unit_counts):
    """Every pair of counts for every pair of numbers of units, in four columns."""
    arms = np.array([(c, n) for n in unit_counts for c in range(n + 1)])
    first, second = np.meshgrid(np.arange(len(arms)), np.arange(len(arms)))
    return arms[first.ravel()], arms[second.ravel()]


def _check_all(first, second, alpha):
    found = compare(first, second, confidence_level=1 - alpha)
    excludes = (found.low > 0) | (found.high < 0)
    assert np.array_equal(excludes, found.p_value < 1 - (1 - alpha))
    assert np.all((found.low <= found.difference) & (found.difference <= found.high))
    assert np.all((found.low >= -1) & (found.high <= 1))


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_interval_excludes_zero_exactly_when_p_is_below_alpha(alpha):
    _check_all(*_all_counts([1, 2, 5, 20, 60]), alpha)


@pytest.mark.long
@pytest.mark.parametrize("units", range(1, 61))
def test_the_interval_excludes_zero_exactly_for_all_counts(units):
    first = np.array([(c, units) for c in range(units + 1)])
    second = np.array([(c, n) for n in range(1, 61) for c in range(n + 1)])
    _check_all(
        np.repeat(first, len(second), axis=0), np.tile(second, (len(first), 1)), 0.05
    )


def test_exact_p_values_equal_those_of_scipy():
    # Sensitive to the order of cells and arms: no two are the same.
    control, treatment = [(0, 60), (1, 9)], [(7, 61), (8, 11)]
    found = exact_p_values(
        control_conversions=[0, 1],
        control_units=[60, 9],
        treatment_conversions=[7, 8],
        treatment_units=[61, 11],
    )
    expected = [
        fisher_exact([[a, c], [n - a, m - c]]).pvalue
        for (a, n), (c, m) in zip(control, treatment, strict=True)
    ]
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("correction", "theirs"), [("holm", "holm"), ("benjamini_hochberg", "fdr_bh")]
)
def test_families_are_adjusted_as_statsmodels_adjusts_each(correction, theirs):
    random = np.random.default_rng(SEED)
    p_values = 10.0 ** -(random.uniform(0, 300, 60) ** random.uniform(0, 1, 60))
    family = random.integers(0, 9, 60)
    found = adjust_p_values(p_values, family=family, correction=correction)
    for name in np.unique(family):
        expected = multipletests(p_values[family == name], method=theirs)[1]
        assert found[family == name] == pytest.approx(expected, rel=1e-9, abs=0)


def test_what_cannot_be_compared_yet_counts_in_its_family():
    found = adjust_p_values([0.01, np.nan, 0.02], family=[1, 1, 1])
    assert found[[0, 2]] == pytest.approx([0.03, 0.04])
    assert np.isnan(found[1])


def test_sample_ratios_equal_those_of_others():
    lines = (case("experiment/srm_growthbook") / "cases.jsonl").read_text().splitlines()
    for item in map(json.loads, lines):
        users, weights = item["users"], item["weights"]
        if len(users) != len(weights):
            # One arm is not there at all: nothing that a test could be asked.
            with pytest.raises(ValueError, match="differ in shape"):
                compare_sample_ratio(units=[users], weights=[weights])
            continue
        found = compare_sample_ratio(units=[users], weights=[weights]).p_value[0]
        if np.isnan(found):
            assert item["p"] == 1
            assert sum(weight > 0 for weight in weights) < 2 or not sum(users)
        else:
            assert found == pytest.approx(item["p"], rel=0.03, abs=1e-8)


def test_the_sample_ratio_of_many_arms_equals_that_of_scipy():
    units, weights = [10_240, 9_800, 19_960], [1, 1, 2]
    expected = np.array(weights) / 4 * sum(units)
    found = compare_sample_ratio(units=[units], weights=[weights])
    assert found.p_value[0] == pytest.approx(
        chisquare(units, expected).pvalue, rel=1e-9
    )


def test_the_sequential_sample_ratio_is_a_product_of_predictions():
    """By another route: each unit's arm predicted from those before it."""
    random = np.random.default_rng(SEED)
    arms = random.choice(3, size=4_000, p=[0.45, 0.35, 0.2])
    weights = np.array([0.4, 0.4, 0.2])
    prior, log_odds = 10_000 * weights, 0.0
    for arm in arms:
        log_odds += np.log(prior[arm] / prior.sum() / weights[arm])
        prior[arm] += 1
    found = compare_sample_ratio(units=[np.bincount(arms)], weights=[weights])
    assert np.log(found.sequential_p_value[0]) == pytest.approx(-log_odds, rel=1e-6)


@pytest.mark.parametrize(
    ("units", "is_testable"),
    [([50, 50], True), ([49, 50], False), ([1000, 0], True), ([0, 0], False)],
)
def test_the_sample_ratio_needs_units(units, is_testable):
    found = compare_sample_ratio(units=[units], weights=[[1, 1]])
    assert found.is_testable[0] == is_testable
    rare = compare_sample_ratio(units=[[793, 7]], weights=[[991, 9]])
    assert not rare.is_testable[0]


@pytest.mark.parametrize("looks", [60])
def test_nightly_looks_seldom_find_a_mismatch_that_is_not_there(looks):
    random = np.random.default_rng(SEED)
    daily = random.multinomial(400, [0.5, 0.25, 0.25], size=(2_000, looks))
    units = daily.cumsum(axis=1).reshape(-1, 3)
    found = compare_sample_ratio(units=units, weights=np.full(units.shape, [2, 1, 1]))
    below = (found.sequential_p_value < 0.05).reshape(2_000, looks).any(axis=1)
    # At most .05 of 2,000 were allowed; the 99.9 % binomial bound is 131.
    assert below.sum() <= 131


# The authors' own R function std_conjmix_margin, its optimum by numerical search.
@pytest.mark.parametrize(("alpha", "expected_units"), [(0.05, 5_000), (0.01, 800)])
def test_the_margin_is_that_of_the_normal_mixture_at_its_best(alpha, expected_units):
    def published(units, squared):
        inside = units * squared + 1
        return np.sqrt(
            2 * inside * np.log(np.sqrt(inside) / alpha) / (units**2 * squared)
        )

    candidates = np.exp(np.linspace(np.log(1e-6), 0, 200_001))
    best = candidates[np.argmin(published(expected_units, candidates))]
    units = np.array([120.0, 5_000.0, 1e6])
    found = confidence_sequence(
        difference=0.1,
        variance=4 / units,
        units=units,
        expected_units=expected_units,
        alpha=alpha,
    )
    margin = 2 * published(units, best)
    assert found.high - 0.1 == pytest.approx(margin, rel=1e-4)
    assert found.low == pytest.approx(0.1 - margin, rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    z_score=st.floats(-40, 40),
    units=st.integers(2, 10**9),
    alpha=st.floats(0.0001, 0.5),
    expected=st.integers(1, 10**7),
)
def test_a_sequence_excludes_zero_exactly_when_its_p_is_below_alpha(
    z_score, units, alpha, expected
):
    found = confidence_sequence(
        difference=z_score * 0.01,
        variance=0.0001,
        units=units,
        expected_units=expected,
        alpha=alpha,
    )
    if abs(found.p_value[0] / alpha - 1) > 1e-9:
        excludes = found.low[0] > 0 or found.high[0] < 0
        assert excludes == (found.p_value[0] < alpha)
    assert found.p_value[0] >= 2 * norm.sf(abs(z_score))


def _wrong_at_some_look(*, rates, replicates, looks=60, daily=300):
    """Whether any nightly sequence left out the truth; floors of a result hold."""
    random = np.random.default_rng(SEED)
    shape = (replicates, looks)
    units = daily * np.arange(1, looks + 1)
    counts = [random.binomial(daily, rate, size=shape).cumsum(axis=1) for rate in rates]
    mature = (np.minimum(*counts) >= 5) & (units >= 50)
    control, treatment = (each / units for each in counts)
    found = confidence_sequence(
        difference=(treatment - control).ravel(),
        variance=(
            (control * (1 - control) + treatment * (1 - treatment)) / units
        ).ravel(),
        units=np.broadcast_to(2 * units, shape).ravel(),
    )
    truth = rates[1] - rates[0]
    is_out = ~((found.low <= truth) & (truth <= found.high)).reshape(shape)
    return (is_out & mature).any(axis=1)


@pytest.mark.parametrize("rates", [(0.2, 0.2), (0.02, 0.02), (0.3, 0.33)])
def test_sixty_nightly_looks_keep_the_truth_inside(rates):
    # At .05 of 1,000, the 99.9 % binomial bound is 74.
    assert _wrong_at_some_look(rates=rates, replicates=1_000).sum() <= 74


@pytest.mark.long
@pytest.mark.parametrize("rates", [(0.2, 0.2), (0.02, 0.02), (0.3, 0.33), (0.9, 0.9)])
def test_many_nightly_looks_keep_the_truth_inside(rates):
    assert _wrong_at_some_look(rates=rates, replicates=20_000).mean() <= 0.0552


def test_lift_includes_the_error_of_the_control():
    """Against the gradient taken numerically."""
    means, variances = np.array([0.2, 0.25]), np.array([0.00016, 0.0001875])

    def ratio(control, treatment):
        return treatment / control - 1

    step = 1e-6
    gradient = [
        (ratio(*(means + step * axis)) - ratio(*(means - step * axis))) / (2 * step)
        for axis in np.eye(2)
    ]
    margin = norm.isf(0.025) * np.sqrt(np.square(gradient) @ variances)
    found = relative_lift(
        control_mean=means[0],
        control_variance=variances[0],
        treatment_mean=means[1],
        treatment_variance=variances[1],
    )
    assert found.lift[0] == pytest.approx(0.25, rel=1e-9)
    assert found.high[0] == pytest.approx(0.25 + margin, rel=1e-6)
    assert found.low[0] == pytest.approx(0.25 - margin, rel=1e-6)


@pytest.mark.parametrize(("control", "variance"), [(0.0, 0.0), (0.01, 0.0001)])
def test_lift_over_a_control_that_may_be_zero_is_undefined(control, variance):
    found = relative_lift(
        control_mean=control,
        control_variance=variance,
        treatment_mean=0.5,
        treatment_variance=0.01,
    )
    assert np.isnan([found.lift[0], found.low[0], found.high[0]]).all()


def test_sizes_equal_those_of_others_within_half_a_per_cent():
    text = (case("experiment/sample_sizes") / "cases.jsonl").read_text()
    published = {
        each["case"]: each.get("total_users")
        for each in map(json.loads, text.splitlines())
    }
    checked = 0
    for name, total in published.items():
        words = name.replace(",", "").split()
        said = {word: words[at + 1] for at, word in enumerate(words[:-1])}
        if "miller" in name:
            continue  # Per variation, not over both: in test_sample_sizes.
        design = Design(alpha=float(said["alpha"]), power=float(said["power"]))
        mde = float(said["mde"])
        if "variance" in said:
            size = mean_sample_size(
                variance=float(said["variance"]), difference=mde, design=design
            )
        else:
            size = proportion_sample_size(
                control_rate=float(said["binomial"]), difference=mde, design=design
            )
        assert size.units[0] == pytest.approx(total, rel=0.005)
        checked += 1
    assert checked == len(published) - 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare([(1, 2)], [(1, 2)], confidence_level=1), "confidence_level"),
        (
            lambda: confidence_sequence(difference=0, variance=-1, units=9),
            "variance must be at least 0",
        ),
        (
            lambda: confidence_sequence(difference=0, variance=1, units=9, alpha=0),
            "alpha must be strictly",
        ),
        (lambda: adjust_p_values([1.5], family=[0]), "between 0 and 1"),
        (lambda: adjust_p_values([0.5], family=[0, 1]), "one-dimensional"),
        (
            lambda: compare_sample_ratio(units=[[1, -1]], weights=[[1, 1]]),
            "must not be negative",
        ),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
