"""Histories changed in ways that may not change what the invariants of 2.6 speak of."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from tests.warehouse.funnel_reference.definitions import Funnel, Row

LONG_BEFORE = timedelta(minutes=50)


def with_earlier_entry(rows: Sequence[Row], event: str, *, unit: str) -> list[Row]:
    """Return the rows as those of another unit, with such an event before them all."""
    first = min(rows, key=lambda row: row.position)
    entry = Row(
        id=f"{unit}-entry",
        occurred_at=first.occurred_at - LONG_BEFORE,
        event=event,
        unit=unit,
        properties={"size": "s", "colour": "red"},
    )
    return [entry, *renamed(rows, unit=unit)]


def truncated(rows: Sequence[Row], at: datetime, *, unit: str) -> list[Row]:
    """Return what had happened by then, as rows of another unit."""
    return renamed([row for row in rows if row.occurred_at < at], unit=unit)


def renamed(rows: Sequence[Row], *, unit: str) -> list[Row]:
    """Return the rows as those of another unit, in the same order."""
    return [
        replace(row, unit=unit, id=row.id.replace(row.unit, unit, 1)) for row in rows
    ]


def may_only_gain(funnel: Funnel) -> bool:
    """Tell whether an earlier first step can never lose a conversion."""
    drops = any(each.drops_unit for each in funnel.exclusions)
    return funnel.counting == "uniques" and not drops


def is_settled(funnel: Funnel) -> bool:
    """Tell whether rows after a window can never change what it holds."""
    return not any(each.drops_unit for each in funnel.exclusions)


def grows_no_counts(counts: Sequence[int], funnel: Funnel) -> bool:
    """Tell whether counts never increase along required steps."""
    required = [counts[place] for place in funnel.required]
    return required == sorted(required, reverse=True)
