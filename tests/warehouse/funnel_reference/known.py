"""Funnels and histories that were once answered wrongly, and are drawn too seldom."""

from datetime import timedelta
from typing import Any

from tests.warehouse.funnel_reference.definitions import Exclusion, Funnel, Row, step
from tests.warehouse.funnel_reference.drawing import GRID, instant

A, B, C, D, X = (f"custom.{name}" for name in "abcdx")
WINDOW = GRID * 6

FUNNELS = (
    # An optional step after the last required one keeps no attempt open.
    Funnel(
        (step(A), step(B), step(C, is_optional=True)), counting="totals", window=WINDOW
    ),
    # Its row of an instant may follow the last row of a path, and not the first.
    Funnel(
        (step(A), step(C), step(B, is_optional=True), step(D)),
        order="strict",
        window=WINDOW,
    ),
    # Who leaves for what happened in one session leaves with the others, too.
    Funnel(
        (step(A), step(B)),
        counting="sessions",
        window=WINDOW,
        exclusions=(Exclusion(0, 1, step(X).alternatives, drops_unit=True),),
    ),
    # What ended a path may end a better one, which took its rows for other steps.
    Funnel((step(C), step(C, D), step(D)), order="any_order", window=WINDOW),
)


def known_histories() -> dict[str, list[Row]]:
    """Return the rows of each unit: event, slot, second, source and sequence."""
    told = {
        "open": [(A, 0), (B, 1), (A, 2), (C, 3), (B, 4)],
        "tied": [(A, 0, 0, "web", 5), (C, 0, 0, "app"), (B, 0, 0, "web", 2), (D, 1)],
        "left": [(A, 0), (X, 1), (A, 9), (B, 10)],
        "better": [(C, 0), (C, 0, 1), (C, 0, 2), (D, 0, 5)],
    }
    return {
        unit: [_row(unit, index, *each) for index, each in enumerate(rows)]
        for unit, rows in told.items()
    }


def _row(unit: str, index: int, event: str, slot: int, *more: Any) -> Row:
    second, source, sequence = (*more, *(0, "web", None)[len(more) :])
    return Row(
        id=f"{unit}-{index}",
        occurred_at=instant(slot) + timedelta(seconds=second),
        event=event,
        unit=unit,
        source=source,
        sequence=sequence,
        properties={},
    )
