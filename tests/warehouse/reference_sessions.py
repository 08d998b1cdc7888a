"""SEMANTICS 2.2 and 2.3 told event by event: slow, obvious, and no SQL."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tests.warehouse.histories import Event

GAP = timedelta(minutes=30)
CAP = timedelta(hours=24)


@dataclass
class Session:
    """One session: its interactive events, and every event that belongs to it."""

    device_id: str
    is_excluded: bool
    interactive: list[Event] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def started_at(self) -> datetime:
        return self.interactive[0].occurred_at

    @property
    def ended_at(self) -> datetime:
        return self.interactive[-1].occurred_at


def find_sessions(events: Sequence[Event]) -> list[Session]:
    """Give every event of every device its session, kept and excluded ones apart."""
    streams: dict[tuple[str, bool], list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.position):
        if event.device_id is not None and "analytics" in event.purposes:
            streams[event.device_id, event.is_excluded].append(event)
    found = []
    for (device_id, is_excluded), stream in streams.items():
        sessions = _open_sessions(device_id, is_excluded, stream)
        for event in stream:
            session = _session_of(event, sessions)
            if session is not None:
                session.events.append(event)
        found += sessions
    return found


def _open_sessions(
    device_id: str, is_excluded: bool, stream: Sequence[Event]
) -> list[Session]:
    sessions: list[Session] = []
    for event in stream:
        if not event.is_interactive:
            continue
        current = sessions[-1] if sessions else None
        if (
            current is None
            or event.occurred_at - current.ended_at > GAP
            or event.occurred_at - current.started_at > CAP
        ):
            current = Session(device_id, is_excluded)
            sessions.append(current)
        current.interactive.append(event)
    return sessions


def _session_of(event: Event, sessions: Sequence[Session]) -> Session | None:
    started = [item for item in sessions if item.started_at <= event.occurred_at]
    if not started:
        return None
    latest = max(started, key=lambda item: item.started_at)
    return latest if event.occurred_at <= latest.ended_at + GAP else None


def session_rows(events: Sequence[Event]) -> list[dict[str, object]]:
    """Return what the mart `sessions` must hold, by session."""
    doubles = double_views(events)
    return [
        session_row(session, doubles)
        for session in find_sessions(events)
        if not session.is_excluded
    ]


def session_row(session: Session, doubles: Set[int]) -> dict[str, object]:
    """Measure one session."""
    first = session.interactive[0]
    single = [item for item in session.events if id(item) not in doubles]
    views = [item for item in single if item.event_name == "page_view"]
    interactive = [item for item in session.interactive if id(item) not in doubles]
    conversions = count(session.events, "conversion")
    users = [item.user_id for item in session.events if item.user_id is not None]
    clients = {item.client_session_id for item in session.events} - {None}
    duration = session.ended_at - session.started_at
    return {
        "session_id": hashed_key(session.device_id, first.source, first.event_id),
        "device_id": session.device_id,
        "user_id": users[0] if users else None,
        "started_on": first.occurred_on,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "duration_seconds": duration / timedelta(seconds=1),
        "event_count": len(session.events),
        "interactive_event_count": len(interactive),
        "view_count": len(views),
        "conversion_count": conversions,
        "error_count": count(session.events, "error_occurred"),
        "chat_count": count(session.events, "chat_started"),
        "entry_page_path": views[0].page_path if views else None,
        "exit_page_path": views[-1].page_path if views else None,
        "is_engaged": duration >= timedelta(seconds=10)
        or len(views) >= 2
        or conversions >= 1,
        "is_single_page_bounce": len(views) == 1 and len(interactive) == 1,
        "client_session_id": min(clients, default=None),
        "client_session_count": len(clients),
        "engaged_seconds": engaged_seconds(session.events),
    }


def engaged_seconds(
    events: Sequence[Event], *, length: int = 10, minimum: int = 5
) -> int | None:
    """Measure engaged time by the heartbeats' slots; none without a heartbeat."""
    slots = set()
    for event in events:
        if event.event_name == "heartbeat":
            seconds = event.properties.get("slot_seconds", length)
            slots.add((seconds, int(event.occurred_at.timestamp()) // seconds))
    return sum(seconds for seconds, _ in slots) + minimum if slots else None


def person_day_rows(
    events: Sequence[Event], *, left_out: Collection[str] = ()
) -> dict[tuple[date, str], dict[str, Any]]:
    """Return what `person_days` must hold: counts by day and person not left out."""
    rows: dict[tuple[date, str], dict[str, Any]] = {}
    owners = owner_by_event(events)
    doubles = double_views(events)
    for event in events:
        if event.is_excluded or "analytics" not in event.purposes:
            continue
        owner = event.user_id or owners.get(event.event_id)
        if owner in left_out or (owner is None and event.device_id is None):
            continue
        device = None if owner else event.device_id
        person = hashed_key("user", owner) if owner else hashed_key("device", device)
        row = rows.setdefault((event.occurred_on, person), defaultdict(int))
        row["owner"], row["device"] = owner, device
        row["any_interactive"] |= event.is_interactive
        row["event_count"] += 1
        if id(event) not in doubles:
            row["interactive_event_count"] += event.is_interactive
            row["view_count"] += event.event_name == "page_view"
        row["conversion_count"] += event.event_name == "conversion"
        row["error_count"] += event.event_name == "error_occurred"
    return rows


def double_views(events: Sequence[Event]) -> set[int]:
    """Find the views within a second of one before on the same device and address."""
    last: dict[tuple[object, ...], datetime] = {}
    found = set()
    for event in sorted(events, key=lambda event: event.position):
        if event.event_name != "page_view" or None in (event.device_id, event.page_url):
            continue
        place = (event.occurred_on, event.device_id, event.is_excluded, event.page_url)
        before = last.get(place)
        if before and event.occurred_at - before <= timedelta(seconds=1):
            found.add(id(event))
        last[place] = event.occurred_at
    return found


def owner_by_event(events: Sequence[Event]) -> dict[str, str]:
    """Decide for every anonymous event which user it belongs to, if any."""
    sessions = {
        id(event): session
        for session in find_sessions(events)
        for event in session.events
    }
    owners = {}
    devices: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.position):
        if event.device_id is not None:
            devices[event.device_id].append(event)
    for stream in devices.values():
        known = [event for event in stream if event.user_id is not None]
        for event in stream:
            if event.user_id is None:
                owner = _owner(event, known, sessions)
                if owner is not None:
                    owners[event.event_id] = owner
    return owners


def _owner(
    event: Event, known: Sequence[Event], sessions: dict[int, Session]
) -> str | None:
    session = sessions.get(id(event))
    later = [
        item
        for item in known
        if item.occurred_at >= event.occurred_at
        and (
            item.occurred_at == event.occurred_at
            or (session is not None and sessions.get(id(item)) is session)
        )
    ]
    if later:
        return later[0].user_id
    earlier = [item for item in known if item.occurred_at < event.occurred_at]
    return earlier[-1].user_id if earlier else None


def hashed_key(*values: object) -> str:
    """Hash values as the models do: the text of their JSON array."""
    text = json.dumps(values, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def count(events: Sequence[Event], name: str) -> int:
    """Count the events of one name."""
    return sum(event.event_name == name for event in events)
