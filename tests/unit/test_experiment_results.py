"""From counts to results: what each metric shows, and what follows for the arm."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from orchestration.experiments.arms import Arm, Counted, Measured, Split, Sums, Terms
from orchestration.experiments.moments import (
    covariate_sample_of,
    covaried_pair_of,
    covaried_sample_of,
    earlier_paired_sample_of,
    paired_sample_of,
    sample_of,
)
from orchestration.experiments.results import conclude_results, estimate_within

TERMS = Terms()
FIXED = Terms(decision="fixed")


def counted(*arms, terms=TERMS, metrics=None, **rest):
    """One experiment; an arm is (units, conversions), the control first."""
    made = tuple(
        Arm("control" if not place else f"treatment_{place}", units, converted, 0)
        for place, (units, converted) in enumerate(arms)
    )
    listed = metrics or ((Measured("buys"), made),)
    return Counted("button", terms, listed, rest.pop("day_count", 7), **rest)


def conclude(*arms, **rest):
    return conclude_results([counted(*arms, **rest)])


def arms(control, treatment):
    return (
        Arm("control", control[0], control[1], 0),
        Arm("treatment", treatment[0], treatment[1], 0),
    )


@pytest.mark.parametrize("terms", [TERMS, FIXED], ids=["sequential", "fixed"])
@pytest.mark.parametrize(
    ("control", "treatment", "outcome", "verdict"),
    [
        pytest.param((1000, 200), (1000, 300), "better", "ship", id="better"),
        pytest.param((1000, 300), (1000, 200), "worse", "stop", id="worse"),
        pytest.param(
            (1000, 200), (1000, 205), "inconclusive", "inconclusive", id="no difference"
        ),
        pytest.param((49, 20), (50, 20), "immature", "immature", id="few units"),
        pytest.param((1000, 4), (1000, 99), "immature", "immature", id="few converted"),
        pytest.param((50, 50), (50, 50), "immature", "immature", id="all convert"),
    ],
)
def test_outcome_and_verdict_follow_from_counts_and_terms(
    control, treatment, outcome, verdict, terms
):
    (result,) = conclude(control, treatment, terms=terms)
    assert (result.outcome, result.verdict) == (outcome, verdict)


@pytest.mark.parametrize(
    ("rest", "verdict", "reason"),
    [
        ({"has_changed": True}, "invalid", "the definition changed"),
        ({"day_count": 2}, "immature", "ran fewer than 3 days"),
        (
            {"terms": FIXED, "is_decidable": False},
            "immature",
            "the registered end, or a window after it, is not over",
        ),
    ],
)
def test_an_experiment_that_may_not_decide_says_why(rest, verdict, reason):
    (result,) = conclude((1000, 200), (1000, 300), **rest)
    assert (result.outcome, result.verdict) == ("better", verdict)
    assert reason in result.reason


@pytest.mark.parametrize("terms", [TERMS, FIXED], ids=["sequential", "fixed"])
def test_units_that_are_not_split_as_declared_make_it_invalid(terms):
    (result,) = conclude((10_000, 2_000), (11_000, 3_300), terms=terms)
    assert result.verdict == "invalid"
    assert "sample-ratio mismatch" in result.reason
    assert result.sample_ratio_p_value is not None
    assert result.sample_ratio_p_value < 1e-9
    assert result.sequential_sample_ratio_p_value is not None
    assert result.sequential_sample_ratio_p_value < 1e-3


def test_a_mismatch_before_the_registered_end_does_not_decide_yet():
    (result,) = conclude(
        (10_000, 2_000), (11_000, 3_300), terms=FIXED, is_decidable=False
    )
    assert result.verdict == "immature"


@pytest.mark.parametrize(("crossed", "verdict"), [(10, "ship"), (11, "invalid")])
def test_more_than_one_per_cent_in_several_arms_make_it_invalid(crossed, verdict):
    metrics = (
        (
            Measured("buys"),
            (Arm("control", 495, 100, crossed), Arm("treatment", 495, 200, 0)),
        ),
    )
    (result,) = conclude(metrics=metrics)
    assert (result.verdict, result.multi_arm_unit_count) == (verdict, crossed)


def test_an_arm_without_traffic_counts_in_the_sample_ratio():
    metrics = ((Measured("buys"), (*arms((500, 100), (500, 150)), Arm("c", 0, 0, 0))),)
    (result,) = conclude(metrics=metrics)
    assert result.verdict == "invalid"


def test_an_arm_that_could_receive_no_traffic_does_not():
    empty = Arm("closed", 0, 0, 0, weight=0)
    metrics = ((Measured("buys"), (*arms((1000, 200), (1000, 300)), empty)),)
    (result,) = conclude(metrics=metrics)
    assert result.verdict == "ship"


@pytest.mark.parametrize(
    ("counts", "margin", "verdict"),
    [
        pytest.param((100_000, 10_000), 0.02, "ship", id="holds"),
        pytest.param((100_000, 10_000), 0.0001, "inconclusive", id="not shown"),
        pytest.param((100_000, 8_000), 0.03, "stop", id="worse"),
    ],
)
def test_a_guardrail_must_hold_within_its_margin(counts, margin, verdict):
    guardrail = Measured("stays", "guardrail", margin=margin, is_in_family=False)
    metrics = (
        (Measured("buys"), arms((100_000, 20_000), (100_000, 25_000))),
        (guardrail, arms((100_000, 10_000), counts)),
    )
    assert {each.verdict for each in conclude(metrics=metrics)} == {verdict}


def test_where_lower_is_better_more_is_worse():
    refunds = Measured("refunds", "guardrail", "lower", margin=0.01, is_in_family=False)
    metrics = (
        (Measured("buys"), arms((10_000, 2_000), (10_000, 2_500))),
        (refunds, arms((10_000, 500), (10_000, 900))),
    )
    _, result = conclude(metrics=metrics)
    assert (result.outcome, result.verdict) == ("worse", "stop")
    assert result.family_p_value is None


def test_a_secondary_metric_decides_nothing():
    secondary = Measured("looks", "secondary", is_in_family=False)
    metrics = (
        (Measured("buys"), arms((10_000, 2_000), (10_000, 2_010))),
        (secondary, arms((10_000, 2_000), (10_000, 3_000))),
    )
    assert [(each.outcome, each.verdict) for each in conclude(metrics=metrics)] == [
        ("inconclusive", "inconclusive"),
        ("better", "inconclusive"),
    ]


def test_every_arm_and_primary_metric_is_of_the_family():
    """p = .02 alone; three treatments triple it."""
    one = conclude((1000, 200), (1000, 243), terms=FIXED)[0]
    three = conclude((1000, 200), (1000, 243), (1000, 200), (1000, 201), terms=FIXED)[0]
    assert one.p_value == three.p_value
    assert (one.outcome, three.outcome) == ("better", "inconclusive")
    assert three.family_p_value == pytest.approx(3 * (one.p_value or 0))
    found = replace(FIXED, correction="benjamini_hochberg")
    rates = [(1000, 200), (1000, 243), (1000, 250), (1000, 255)]
    assert conclude(*rates, terms=found)[0].outcome == "better"


def test_a_comparison_that_is_too_early_keeps_its_place_in_the_family():
    early = (1000, 200), (1000, 243), (40, 9)
    first, _ = conclude(*early, terms=FIXED)
    assert first.family_p_value == pytest.approx(2 * (first.p_value or 0))


def test_an_empty_arm_has_no_rates_rather_than_zeros():
    (result,) = conclude((0, 0), (10, 5))
    assert (result.value, result.difference, result.lift) == (None, None, None)
    assert (result.p_value, result.verdict) == (None, "immature")


def test_few_expected_conversions_show_the_exact_p_value_and_no_verdict():
    (result,) = conclude((60, 0), (60, 7), terms=replace(TERMS, minimum_conversions=0))
    assert result.verdict == "immature"
    assert result.exact_p_value == pytest.approx(0.01297, abs=5e-5)
    assert conclude((60, 20), (60, 30))[0].exact_p_value is None


def test_rates_without_information_have_no_p_value():
    (result,) = conclude((50, 50), (60, 60))
    assert (result.p_value, result.sequential_p_value) == (None, None)


def test_results_of_many_experiments_equal_those_of_each_alone():
    first = counted((1000, 200), (1000, 300), (1000, 100))
    second = replace(
        counted((500, 100), (500, 130), terms=FIXED), experiment_id="other"
    )
    together = conclude_results([first, second])
    assert together == conclude_results([first]) + conclude_results([second])


def test_nothing_counted_concludes_nothing():
    assert conclude_results([]) == []


def sums(random, units, *, shift=0.0, before_shift=0.0):
    """Draw values that values before exposure explain by half; return one arm's."""
    before = np.round(random.gamma(2, 10, units) + before_shift, 2)
    value = np.round(before + random.normal(shift, 20, units), 2)
    return Sums(
        value=Decimal(str(value.sum().round(2))),
        value_square=Decimal(str((value**2).sum().round(4))),
        covariate=Decimal(str(before.sum().round(2))),
        covariate_square=Decimal(str((before**2).sum().round(4))),
        covariate_product=Decimal(str((value * before).sum().round(4))),
        history_units=units,
        history_product=Decimal(str(value.sum().round(2))),
    )


def of_means(shift, *, before_shift=0.0, is_adjusted=False, units=4_000, terms=TERMS):
    random = np.random.default_rng(20_261_120)
    pair = (
        Arm("control", units, units, 0, sums=sums(random, units)),
        Arm(
            *("treatment", units, units, 0),
            sums=sums(random, units, shift=shift, before_shift=before_shift),
        ),
    )
    metric = Measured("spends", type="mean", is_adjusted=is_adjusted)
    return conclude(metrics=((metric, pair),), terms=terms)[0]


@pytest.mark.parametrize(
    ("terms", "shift"), [(TERMS, 1.2), (FIXED, 0.7)], ids=["sequential", "fixed"]
)
def test_an_adjusted_metric_decides_by_what_is_adjusted(terms, shift):
    """A shift that the noise hides, but not what is left of it."""
    raw, adjusted = (
        of_means(shift, is_adjusted=each, terms=terms) for each in (False, True)
    )
    assert (raw.verdict, adjusted.verdict) == ("inconclusive", "ship")
    assert raw.adjusted_p_value == adjusted.adjusted_p_value
    assert 0.2 < (adjusted.variance_reduction or 0) < 0.45


@pytest.mark.parametrize("terms", [TERMS, FIXED], ids=["sequential", "fixed"])
def test_arms_that_differed_before_exposure_make_it_invalid(terms):
    result = of_means(0, before_shift=3, terms=terms)
    assert result.verdict == "invalid"
    assert result.reason == "arms differed before exposure already: spends"
    assert of_means(0, before_shift=0.5, terms=terms).verdict != "invalid"


def test_sums_of_1e9_units_keep_their_digits():
    """A variance of 0.25 beside a mean of a million, which doubles would lose."""
    units, mean = 10**9, 10**6
    arm = Arm(
        *("a", units, units, 0),
        sums=Sums(
            value=units * mean, value_square=units * mean**2 + Decimal(units - 1) / 4
        ),
    )
    sample = sample_of([arm])
    assert (sample.mean[0], sample.variance[0]) == (mean, 0.25)


def test_sums_of_an_arm_have_the_moments_of_its_units():
    random = np.random.default_rng(20_261_120)
    has_history = random.random(300) < 0.7
    before = np.where(has_history, random.integers(0, 9, 300), 0)
    value = before + random.integers(0, 30, 300)
    divisor = random.integers(0, 4, 300)
    earlier = np.where(has_history, random.integers(0, 5, 300), 0)
    columns = (
        *(value, value**2, divisor, divisor**2, value * divisor),
        *(before, before**2, value * before, has_history, value * has_history),
        *(divisor * before, divisor * has_history),
        *(earlier, earlier**2, earlier * value, earlier * divisor, earlier * before),
    )
    arm = Arm("a", 300, 1, 0, sums=Sums(*(int(each.sum()) for each in columns)))
    covaried = covaried_sample_of([arm])
    units = np.array([value, before, has_history], dtype=float)
    assert covaried.means[0] == pytest.approx(units.mean(axis=1))
    assert covaried.covariances[0] == pytest.approx(np.cov(units))
    pair = covaried_pair_of([arm])
    units = np.array([value, divisor, before, earlier, has_history], dtype=float)
    assert pair.means[0] == pytest.approx(units.mean(axis=1))
    assert pair.covariances[0] == pytest.approx(np.cov(units))
    earlier_pair = earlier_paired_sample_of([arm])
    assert earlier_pair.ratio[0] == pytest.approx(before.sum() / earlier.sum())
    assert earlier_pair.covariance[0] == pytest.approx(np.cov(before, earlier)[0, 1])
    paired, both = paired_sample_of([arm]), np.cov(value, divisor)
    assert paired.other_mean[0] == pytest.approx(divisor.mean())
    assert paired.covariance[0] == pytest.approx(both[0, 1])
    assert paired.other_variance[0] == pytest.approx(both[1, 1])
    assert covariate_sample_of([arm]).variance[0] == pytest.approx(before.var(ddof=1))


def test_windows_that_are_not_over_are_said_to_be_what_is_waited_for():
    waiting = (
        Arm("control", 10, 9, 0, immature_unit_count=90),
        Arm("treatment", 10, 9, 0, immature_unit_count=80),
    )
    (result,) = conclude(metrics=((Measured("buys"), waiting),))
    assert (result.verdict, result.outcome) == ("immature", "immature")
    assert result.outcome_reason == "the windows of 170 units are not over"
    # All of them are split, mature or not.
    assert result.sample_ratio_p_value == pytest.approx(0.46, abs=0.01)


@pytest.mark.parametrize("terms", [TERMS, FIXED], ids=["sequential", "fixed"])
@pytest.mark.parametrize(
    ("splits", "reason"),
    [
        ([("browser_family", "a", (500, 500))], None),
        (
            [("browser_family", "a", (900, 400)), ("browser_family", "b", (400, 900))],
            "among units of browser_family a",
        ),
        ([("exposed_on", "2026-03-01", (600, 400))], "exposed_on 2026-03-01"),
        ([("exposed_on", "2026-03-01", (60, 30))], None),
    ],
)
def test_units_of_one_browser_or_day_must_be_split_as_declared_too(
    splits, reason, terms
):
    listed = tuple(Split(*each) for each in splits)
    (result,) = conclude((2000, 400), (2000, 600), splits=listed, terms=terms)
    assert result.verdict == ("invalid" if reason else "ship")
    assert (reason or "") in result.reason


def test_sound_days_and_browsers_seldom_condemn_an_experiment():
    """Sixty days of 400 units and eight browsers: of 300, three would be too many."""
    random = np.random.default_rng(20_261_120)
    made = []
    for place in range(300):
        days = random.binomial(400, 0.5, 60)
        browsers = random.binomial(3_000, 0.5, 8)
        splits = [
            *(Split("exposed_on", str(at), (n, 400 - n)) for at, n in enumerate(days)),
            *(
                Split("browser_family", str(at), (n, 3_000 - n))
                for at, n in enumerate(browsers)
            ),
        ]
        one = counted((12_000, 2_400), (12_000, 2_400), splits=tuple(splits))
        made.append(replace(one, experiment_id=f"e{place}"))
    assert sum(each.verdict == "invalid" for each in conclude_results(made)) <= 3


def test_values_of_a_dimension_are_estimated_and_decide_nothing():
    whole = counted((1000, 200), (1000, 300))
    part = replace(counted((500, 100), (500, 200)), within=("browser_family", "b"))
    assert len(conclude_results([whole, part])) == 1
    (shown,) = estimate_within([whole, part])
    assert (shown.dimension_value, shown.difference) == ("b", pytest.approx(0.2))
