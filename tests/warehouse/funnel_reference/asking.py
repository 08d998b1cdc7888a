"""A funnel of the reference as a person writes it, and its histories as raw events."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tests.warehouse.funnel_reference.definitions import (
    Breakdown,
    Funnel,
    Happening,
    Row,
    Step,
)
from tests.warehouse.histories import Event

_SCOPES = {"steps": "step_events", "all": "all"}


def body_of(funnel: Funnel, *, title: str = "Drawn") -> dict[str, Any]:
    """Return the content of the funnel's file in the registry."""
    found: dict[str, Any] = {
        "title": title,
        "ordering": funnel.order,
        "counting": funnel.counting,
        "window": lasting(funnel.window),
        "steps": [
            _step(place, step, funnel) for place, step in enumerate(funnel.steps)
        ],
    }
    if funnel.counting == "totals":
        found["reentry"] = funnel.reentry
    if funnel.order == "strict":
        found["scope"] = _SCOPES[funnel.scope]
        if funnel.noise and funnel.scope == "steps":
            found["scope_also"] = _happenings(funnel.noise)
    if funnel.exclusions:
        found["exclusions"] = [
            {
                "after": step_name(each.after),
                "before": step_name(each.before),
                "events": _happenings(each.alternatives),
                "effect": "drop_unit" if each.drops_unit else "end_attempt",
            }
            for each in funnel.exclusions
        ]
    if funnel.held:
        found["hold_constant"] = [{"property": name} for name in funnel.held]
    if funnel.tolerance:
        found["simultaneous_within"] = lasting(funnel.tolerance)
    if funnel.breakdown:
        found["breakdown"] = _breakdown(funnel.breakdown)
    return found | _range(funnel)


def step_name(place: int) -> str:
    """Return what the step at a place is called."""
    return f"step_{place + 1}"


def lasting(length: timedelta) -> str:
    """Return a length of time in the words of the registry."""
    seconds = int(length.total_seconds())
    if seconds % 86_400 == 0:
        return f"{seconds // 86_400} days"
    return f"{seconds} seconds"


def events_of(rows: Iterable[Row]) -> list[Event]:
    """Return rows as events of devices that nobody ever logs in on."""
    return [
        Event(
            event_id=row.id,
            occurred_at=row.occurred_at,
            event_name=row.event,
            source=row.source,
            source_sequence=row.sequence,
            device_id=row.unit,
            properties=dict(row.properties),
        )
        for row in rows
    ]


def _step(place: int, step: Step, funnel: Funnel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": step_name(place),
        "events": _happenings(step.alternatives),
    }
    if step.within is not None:
        found["within"] = lasting(step.within)
    if step.is_optional:
        found["optional"] = True
    if step.is_anchored and funnel.order == "any_order":
        found["anchored"] = True
    return found


def _happenings(alternatives: Iterable[Happening]) -> list[dict[str, Any]]:
    return [_happening(each) for each in alternatives]


def _happening(happening: Happening) -> dict[str, Any]:
    if not happening.where:
        return {"event": happening.event}
    conditions = [{"property": name, "is": value} for name, value in happening.where]
    return {"event": happening.event, "where": {"all": conditions}}


def _breakdown(by: Breakdown) -> dict[str, Any]:
    found: dict[str, Any] = {"property": by.property, "top": by.top}
    if isinstance(by.at, int):
        return found | {"at_step": step_name(by.at)}
    return found | {"at": by.at}


def _range(funnel: Funnel) -> dict[str, Any]:
    ends = {"from": funnel.entry_from, "to": funnel.entry_to}
    entries = {name: end for name, end in ends.items() if end is not None}
    found: dict[str, Any] = {"entries": entries} if entries else {}
    return found | ({"clip_conversions": True} if funnel.clips else {})
