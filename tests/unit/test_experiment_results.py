import pytest

from orchestration.experiments.results import Arm, Rules, compare_arms

RULES = Rules(alpha=0.05, minimum_units=50, minimum_conversions=5)


def compare(control: tuple[int, int], treatment: tuple[int, int]):
    """Compare (units, conversions) pairs, so that a case reads as one line."""
    return compare_arms(
        "e",
        "m",
        control=Arm("control", *control, 0),
        treatment=Arm("treatment", *treatment, 0),
        rules=RULES,
    )


@pytest.mark.parametrize(
    ("control", "treatment", "verdict"),
    [
        pytest.param((1000, 200), (1000, 260), "better", id="clearly better"),
        pytest.param((1000, 260), (1000, 200), "worse", id="clearly worse"),
        pytest.param((1000, 200), (1000, 205), "inconclusive", id="no difference"),
        pytest.param((49, 20), (1000, 200), "immature", id="too few units"),
        pytest.param((1000, 4), (1000, 200), "immature", id="too few conversions"),
        pytest.param((0, 0), (1000, 200), "immature", id="nobody in control"),
        pytest.param((50, 50), (50, 50), "immature", id="everybody converts"),
    ],
)
def test_verdict_follows_from_counts_and_rules(control, treatment, verdict):
    assert compare(control, treatment).verdict == verdict


def test_an_empty_arm_has_no_rates_rather_than_zeros():
    result = compare((0, 0), (10, 5))
    assert (result.rate, result.difference, result.p_value) == (None, None, None)


def test_rates_without_information_have_no_p_value():
    assert compare((50, 50), (60, 60)).p_value is None
