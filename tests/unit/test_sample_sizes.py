"""Sample sizes against published figures, statsmodels and their own inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import power_proportions_2indep
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.experiments.sample_size import (
    Design,
    detectable_difference,
    mean_sample_size,
    proportion_power,
    proportion_sample_size,
)


def size(rate, difference, **design):
    return proportion_sample_size(
        control_rate=rate, difference=difference, design=Design(**design)
    )


# From 20 to 25 %: SEMANTICS 2.11; 1,030 is what evanmiller.org opens with.
@pytest.mark.parametrize(
    ("null_variance", "units"),
    [("pooled", 1094), ("control", 1030), ("unpooled", 1091)],
)
def test_each_variance_under_the_null_gives_its_published_size(null_variance, units):
    found = size(0.20, 0.05, null_variance=null_variance)
    assert (found.control_units[0], found.treatment_units[0]) == (units, units)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("difference", [-0.15, 0.003, 0.2])
def test_power_equals_that_of_statsmodels(ratio, difference):
    # Its first sample is the treatment, and it takes one side at half of alpha.
    units = np.array([60.0, 1_000.0, 250_000.0])
    found = proportion_power(
        control_rate=0.3,
        difference=difference,
        control_units=units,
        design=Design(allocation=ratio),
    )
    expected = [
        power_proportions_2indep(
            difference,
            0.3,
            each * ratio,
            ratio=1 / ratio,
            alpha=0.025,
            alternative="larger" if difference > 0 else "smaller",
        ).power
        for each in units
    ]
    assert found == pytest.approx(expected, rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(
    rate=st.floats(0.001, 0.9),
    share=st.floats(0.02, 0.9),
    power=st.floats(0.55, 0.99),
    alpha=st.floats(0.001, 0.2),
    allocation=st.floats(0.1, 10),
    null_variance=st.sampled_from(["pooled", "unpooled"]),
)
def test_the_size_is_the_first_that_has_the_power(rate, share, **design):
    design = Design(**design)
    difference = share * (1 - rate)
    units = proportion_sample_size(
        control_rate=rate, difference=difference, design=design
    ).control_units

    def power(control_units):
        return proportion_power(
            control_rate=rate,
            difference=difference,
            control_units=control_units,
            design=design,
        )

    assert power(units)[0] >= design.power - 1e-9
    assert units[0] == 1 or power(units - 1)[0] < design.power + 1e-9


@pytest.mark.parametrize("null_variance", ["pooled", "control", "unpooled"])
@pytest.mark.parametrize("allocation", [0.5, 1.0, 2.0])
def test_the_detectable_difference_is_the_inverse_of_the_size(
    null_variance, allocation
):
    design = Design(null_variance=null_variance, allocation=allocation)
    difference = detectable_difference(
        control_rate=[0.01, 0.2, 0.6], control_units=[5_000.0], design=design
    )
    power = proportion_power(
        control_rate=[0.01, 0.2, 0.6],
        difference=difference,
        control_units=[5_000.0],
        design=design,
    )
    assert power == pytest.approx(design.power, rel=1e-9)


def test_too_few_units_detect_nothing():
    found = detectable_difference(
        control_rate=[0.9], control_units=[3], design=Design()
    )
    assert np.isnan(found[0])


def test_twice_the_variance_takes_twice_the_units():
    once, twice = mean_sample_size(
        variance=[50.0, 100.0], difference=[0.01], design=Design()
    ).units
    assert twice == pytest.approx(2 * once, abs=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Design(alpha=1), "alpha must be between 0 and 1"),
        (lambda: Design(allocation=0), "allocation must be above 0"),
        (lambda: size(0, 0.1), "control_rate must be strictly between"),
        (lambda: size(0.9, 0.2), "plus difference must lie between 0 and 1"),
        (lambda: size(0.9, 0), "difference must not be 0"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ("--rate 0.2 --effect 0.05", "control 1094, treatment 1094, together 2188"),
        (
            "--rate 0.2 --effect 0.05 --design null=control --daily-units 100",
            "control 1030, treatment 1030, together 2060\n21 days; whole weeks: 21",
        ),
        (
            "--rate 0.2 --units 1094",
            "detectable increase 0.049994 (25.00% of the rate)",
        ),
        ("--rate 0.2 --effect 0.05 --units 1094", "power 0.8001"),
        (
            "--variance 100 --effect 0.3 --design power=0.85",
            "control 19952, treatment 19952, together 39904",
        ),
    ],
)
def test_the_command_answers_what_is_left_open(arguments, printed):
    finished = CliRunner().invoke(app, ["experiment", "size", *arguments.split()])
    assert (finished.output.strip(), finished.exit_code) == (printed, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        "--effect 0.05",
        "--rate 0.2",
        "--rate 0.2 --effect 0",
        "--rate 0.2 --effect 0.05 --design beta=1",
        "--rate 0.2 --effect 0.05 --design null=other",
        "--variance 1 --units 4",
        "--rate 0.2 --effect 0.05 --daily-units 0",
    ],
)
def test_the_command_refuses_what_is_no_question_in_one_line(arguments):
    finished = CliRunner().invoke(app, ["experiment", "size", *arguments.split()])
    assert finished.exit_code == 1
    assert "Traceback" not in finished.output
