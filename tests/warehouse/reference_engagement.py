"""SEMANTICS 2.4 told event by event: slow, obvious, and no SQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from tests.warehouse.histories import Event
from tests.warehouse.reference_sessions import (
    Session,
    double_views,
    find_sessions,
    hashed_key,
    owner_by_event,
)

RULES = {
    "heartbeat": {"slot_seconds": 10, "minimum_visit_seconds": 5},
    "hover": {"duration_seconds": 30.0, "scroll_depth": 50.0},
    "score": {
        "half_life_days": 7.0,
        "weights": {
            "page_view": 1.0,
            "interaction.like": 2.5,
            "conversion": 10.0,
            "impression": 0.0,
        },
    },
}
MOMENT = timedelta(seconds=1)
CLASSES = {
    "page_view": "view",
    "conversion": "conversion",
    "error_occurred": "error",
}


def exceptions(events: Sequence[Event]) -> dict[int, str]:
    """Return the class of every event that is not what its name says."""
    found = dict.fromkeys(double_views(events), "double_view")
    for event in events:
        if event.event_name == "interaction" and _is_impression(event, events):
            found[id(event)] = "impression"
    return found


def counted_class(event: Event, classes: Mapping[int, str]) -> str:
    """Return the class in which an event counts."""
    usual = "interaction" if event.is_interactive else "background"
    return classes.get(id(event)) or CLASSES.get(event.event_name, usual)


def activity(event: Event, classes: Mapping[int, str]) -> str:
    """Return what was done, in the words of the weights."""
    if id(event) in classes:
        return classes[id(event)]
    if event.event_name == "interaction":
        return f"interaction.{event.properties['interaction_type']}"
    return event.event_name


def events_by_person(events: Sequence[Event]) -> dict[str, list[Event]]:
    """Return the counted events of every person."""
    owners = owner_by_event(events)
    found: dict[str, list[Event]] = {}
    for event in events:
        owner = event.user_id or owners.get(event.event_id)
        if event.is_excluded or (owner is None and event.device_id is None):
            continue
        found.setdefault(_person(owner, event.device_id), []).append(event)
    return found


def sessions_by_person(events: Sequence[Event]) -> dict[str, list[Session]]:
    """Return the counted sessions of every person."""
    owners = owner_by_event(events)
    found: dict[str, list[Session]] = {}
    for session in find_sessions(events):
        if not session.is_excluded:
            users = [item.user_id for item in session.events if item.user_id]
            owner = users[0] if users else owners.get(session.interactive[0].event_id)
            person = _person(owner, session.device_id)
            found.setdefault(person, []).append(session)
    return found


def seconds_by_person(events: Sequence[Event]) -> dict[str, list[float]]:
    """Return how long every session of every person lasted."""
    return {
        person: [
            (session.ended_at - session.started_at).total_seconds()
            for session in sessions
        ]
        for person, sessions in sessions_by_person(events).items()
    }


def _person(owner: str | None, device_id: str | None) -> str:
    return hashed_key("user", owner) if owner else hashed_key("device", device_id)


def _is_impression(event: Event, events: Iterable[Event]) -> bool:
    near = [
        item
        for item in events
        if _place(item) == _place(event)
        and abs(item.occurred_at - event.occurred_at) <= MOMENT
    ]
    return (
        None not in _place(event)
        and any(
            _is_hover(item) and item.occurred_at <= event.occurred_at for item in near
        )
        and not any(item.event_name == "click" for item in near)
    )


def _place(event: Event) -> tuple[object, ...]:
    thing = event.occasion_id or event.listing_id
    return event.occurred_on, event.device_id, event.is_excluded, thing


def _is_hover(event: Event) -> bool:
    said = event.properties
    return (
        event.event_name == "interaction"
        and said.get("interaction_type") == "view"
        and said.get("duration_seconds") == RULES["hover"]["duration_seconds"]
        and said.get("scroll_depth") == RULES["hover"]["scroll_depth"]
    )
