"""The answer of `daybook experiment size`: units, detectable difference or power."""

import math
from dataclasses import dataclass
from typing import cast, get_args

from orchestration.experiments.sample_size import (
    Design,
    NullVariance,
    SampleSize,
    detectable_difference,
    mean_sample_size,
    proportion_power,
    proportion_sample_size,
)


@dataclass(frozen=True)
class Question:
    """What is known of a planned comparison.

    Attributes
    ----------
    rate : float or None
        Rate of the control; None where the metric is a mean with `variance`.
    difference : float or None
        What is to be found, absolute; None asks what can be found.
    units : int or None
        Units of the control; None asks how many it takes.
    daily_units : float or None
        Units of both arms that a day brings.
    """

    rate: float | None
    variance: float | None
    difference: float | None
    units: int | None
    daily_units: float | None


def read_design(text: str) -> Design:
    """Read a design such as "alpha=0.01,null=control"; what is not said is default.

    Raises
    ------
    ValueError
        Naming what is not understood, and what is allowed.
    """
    said: dict[str, float] = {}
    null = "pooled"
    for part in filter(None, text.split(",")):
        name, _, value = part.strip().partition("=")
        if name == "null":
            null = value
        elif name in {"alpha", "power", "allocation"}:
            said[name] = float(value)
        else:
            msg = (
                f"{name!r} is not of a design; allowed: alpha, power, allocation, null"
            )
            raise ValueError(msg)
    if null not in get_args(NullVariance):
        msg = f"null is {null!r}; allowed: {', '.join(get_args(NullVariance))}"
        raise ValueError(msg)
    return Design(**said, null_variance=cast("NullVariance", null))


def answer(question: Question, design: Design) -> str:
    """Say in lines what follows from what is known.

    Raises
    ------
    ValueError
        If the question is not one, or a number is out of its range.
    """
    if (question.rate is None) == (question.variance is None):
        msg = "either the rate of the control or a variance is needed"
        raise ValueError(msg)
    if question.units is not None:
        return _answer_for_units(question, question.units, design)
    if question.difference is None:
        msg = "a difference or units are needed"
        raise ValueError(msg)
    if question.variance is not None:
        size = mean_sample_size(
            variance=question.variance, difference=question.difference, design=design
        )
    else:
        size = proportion_sample_size(
            control_rate=cast("float", question.rate),
            difference=question.difference,
            design=design,
        )
    return "\n".join(_lines(size, question.daily_units))


def _answer_for_units(question: Question, units: int, design: Design) -> str:
    if question.rate is None:
        msg = "units are a question about a rate; a variance needs a difference"
        raise ValueError(msg)
    if question.difference is not None:
        power = proportion_power(
            control_rate=question.rate,
            difference=question.difference,
            control_units=units,
            design=design,
        )
        return f"power {power[0]:.4f}"
    found = float(
        detectable_difference(
            control_rate=question.rate, control_units=units, design=design
        )[0]
    )
    if math.isnan(found):
        return "no increase can be found with so few units"
    return f"detectable increase {found:.6f} ({found / question.rate:.2%} of the rate)"


def _lines(size: SampleSize, daily_units: float | None) -> list[str]:
    control, treatment = int(size.control_units[0]), int(size.treatment_units[0])
    lines = [
        f"control {control}, treatment {treatment}, together {control + treatment}"
    ]
    if daily_units is not None:
        if not daily_units > 0:
            msg = f"daily units must be above 0, got {daily_units}"
            raise ValueError(msg)
        days = math.ceil((control + treatment) / daily_units)
        lines.append(f"{days} days; whole weeks: {math.ceil(days / 7) * 7}")
    return lines
