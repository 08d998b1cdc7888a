"""Everything that is asked of a funnel, as plain values that can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tests.warehouse.funnel_reference.attempts import Outcome, outcomes
from tests.warehouse.funnel_reference.counting import (
    broken_down,
    seconds_from_entry,
    seconds_from_previous,
    step_counts,
    totals,
)
from tests.warehouse.funnel_reference.definitions import Funnel, Row
from tests.warehouse.funnel_reference.rules import Rules

Answer = tuple[object, ...]


@dataclass(frozen=True)
class Question:
    """A funnel, asked of some units at a watermark."""

    funnel: Funnel
    watermark: datetime


def answer(question: Question, rows: Sequence[Row], rules: Rules) -> Answer:
    """Return all that is counted: attempts, totals, steps, times, slices, days."""
    funnel = question.funnel
    found = outcomes(rows, funnel, watermark=question.watermark, rules=rules)
    by = funnel.breakdown
    return (
        sorted(described(each) for each in found),
        totals(found, rules),
        step_counts(found, funnel),
        [
            (
                seconds_from_entry(found, place, rules),
                seconds_from_previous(found, place, rules),
            )
            for place in range(len(funnel.steps))
        ],
        broken_down(found, funnel, by, rules) if by else None,
        [
            daily(question, rows, day, rules)
            for day in sorted({row.entered_on for row in rows})
        ],
    )


def daily(
    question: Question, rows: Sequence[Row], day: date, rules: Rules
) -> list[tuple[object, ...]]:
    """Return what counts of the candidates of one day."""
    found = outcomes(
        rows,
        question.funnel,
        watermark=question.watermark,
        entered_on=day,
        rules=rules,
    )
    return sorted(described(each) for each in found)


def described(outcome: Outcome) -> tuple[object, ...]:
    """Return an outcome as texts: whose, what became of it, and the counted path."""
    attempt = outcome.attempt
    path = [f"{visit.step}:{visit.row.id}" for visit in attempt.path]
    return (
        attempt.unit,
        attempt.start.id,
        outcome.state,
        outcome.is_mature,
        attempt.is_tied,
        path,
    )
