"""SEMANTICS 2.6 by trying every choice of rows: ordered, one window, uniques by day."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from tests.warehouse.histories import Event
from tests.warehouse.reference_sessions import hashed_key, owner_by_event

Entry = tuple[int, datetime]


def funnel_entries(
    events: Sequence[Event], *, steps: Sequence[str], window: timedelta
) -> dict[tuple[str, date], Entry]:
    """Return the deepest step and the entry of the best candidate by person and day."""
    people: dict[str, list[Event]] = defaultdict(list)
    owners = owner_by_event(events)
    for event in sorted(events, key=lambda event: event.position):
        owner = event.user_id or owners.get(event.event_id)
        if not event.is_excluded and (owner or event.device_id):
            person = ("user", owner) if owner else ("device", event.device_id)
            people[hashed_key(*person)].append(event)
    found: dict[tuple[str, date], Entry] = {}
    for person, rows in people.items():
        for row in rows:
            if row.event_name == steps[0]:
                ends_at = row.occurred_at + window
                open_rows = [item for item in rows if item.occurred_at <= ends_at]
                entry = (_deepest([row], open_rows, steps), row.occurred_at)
                key = (person, row.occurred_on)
                best = found.get(key)
                if best is None or entry[0] > best[0]:
                    found[key] = entry
    return found


def _deepest(path: list[Event], rows: Sequence[Event], steps: Sequence[str]) -> int:
    if len(path) == len(steps):
        return len(path)
    following = [
        row
        for row in rows
        if row.event_name == steps[len(path)]
        and row.occurred_at >= path[-1].occurred_at
        and not any(row is used for used in path)
    ]
    return max(
        (_deepest([*path, row], rows, steps) for row in following),
        default=len(path),
    )
