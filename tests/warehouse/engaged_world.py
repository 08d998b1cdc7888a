"""Five weeks of a small house, built and published once for many questions."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace

import psycopg

from orchestration.quality.published_tables import PublishedTable, published_tables
from orchestration.quality.published_views import PublishedView, published_views
from orchestration.quality.publishing import Terms, publish
from orchestration.warehouse.connection import connect
from tests.warehouse import reference_journeys
from tests.warehouse.definitions import define
from tests.warehouse.histories import Event, at, build, load, parse_once, point_dbt_at
from tests.warehouse.reference_engagement import RULES

# Neither a whole minute nor a whole five: ranges end at 10:30.
WATERMARK = at(days=33, hours=10, minutes=32, seconds=17)
MODELS = (
    "+sessions",
    "+activity_buckets",
    "+endpoint_buckets",
    "+person_events_daily",
    "+person_sessions_daily",
    "+form_sessions",
    "+errors_met",
    "+logins_daily",
    "+person_days",
    "+session_transitions_daily",
    "+session_sequences_daily",
)
PUBLISHED = {
    "sessions",
    "activity_buckets",
    "endpoint_buckets",
    "event_exceptions",
    "person_events_daily",
    "person_sessions_daily",
    "form_sessions",
    "errors_met",
    "logins_daily",
    "person_days",
    "session_paths",
    "session_transitions_daily",
    "session_sequences_daily",
}

# Of the occasions that events name, those that the app knows.
OCCASIONS = ("o1", "o2", "o3")
CARD = {"interaction_type": "view", "duration_seconds": 30, "scroll_depth": 50}
LIKE = {"interaction_type": "like"}


@dataclass(frozen=True)
class EngagedWorld:
    """The events, and a connection to what was published of them."""

    events: list[Event]
    connection: psycopg.Connection

    def rows(self, query: str, *, role: str = "bi_reader") -> list[SimpleNamespace]:
        """Return what a reader sees."""
        with self.connection.transaction():
            self.connection.execute(f"set local role {role}")
            cursor = self.connection.execute(query)
            names = [column.name for column in cursor.description]
            return [
                SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor
            ]

    def counted(self) -> list[Event]:
        """Return the events that marts count."""
        return [event for event in self.events if not event.is_excluded]


def history(chance: random.Random) -> list[Event]:
    """Make events up to a while after the watermark, denser towards it."""
    made = []
    for index in range(900):
        days = min(chance.expovariate(0.25), 33.0)
        moment = WATERMARK + timedelta(hours=1) - timedelta(days=days)
        if index % 5 == 0:
            moment = WATERMARK - timedelta(seconds=chance.randrange(-3600, 7200))
        made.append(_event(chance, f"e{index:04}", moment.replace(microsecond=0)))
    return [*made, *_planted()]


def _planted() -> list[Event]:
    page = {"page_url": "https://a.example/", "page_path": "/", "device_id": "d9"}
    card = {"event_name": "interaction", "device_id": "d9", "occasion_id": "o1"}
    start = WATERMARK - timedelta(hours=2)
    ends = WATERMARK.replace(minute=30, second=0)
    return [
        Event("view", start, **page),
        Event("twice", start + timedelta(seconds=1), **page),
        Event("hover", start + timedelta(seconds=9), properties=CARD, **card),
        # At the very ends of the shortest range: in, and just out.
        Event("first", ends - timedelta(hours=1), device_id="d8"),
        Event("before", ends - timedelta(hours=1, microseconds=1), device_id="d8"),
        Event("after", ends, device_id="d8"),
        Event("last", ends - timedelta(microseconds=1), device_id="d8"),
        # A call at the very end is of the next range.
        Event(
            "call",
            ends,
            event_name="endpoint_performance",
            is_interactive=False,
            device_id=None,
            duration_ms=7,
            properties={"endpoint": "/api/a"},
        ),
        # Half an hour before the watermark, just before that, and with it.
        Event("active", WATERMARK - timedelta(minutes=30), device_id="d10"),
        Event(
            "gone", WATERMARK - timedelta(minutes=30, microseconds=1), device_id="d11"
        ),
        Event("coming", WATERMARK, device_id="d12"),
        *_pointers(start),
        *_troubles(start - timedelta(hours=3)),
    ]


def _troubles(start: datetime) -> list[Event]:
    """One form that is sent and one that is not, errors, and failures to log in."""
    blank = {"field_name": "mail", "refill_count": 2, "is_blank": True}
    said = [
        ("form_started", {"form_id": "contact"}),
        ("form_field_changed", {"form_id": "contact", "field_name": "date"}),
        ("form_submitted", {"form_id": "contact", "is_successful": False}),
        ("form_submitted", {"form_id": "contact"}),
        ("form_started", {"form_id": "booking"}),
        ("form_field_changed", {"form_id": "booking", **blank}),
        ("error_occurred", {"message": "no booking 17", "release": "1.1"}),
        ("error_occurred", {"message": "no booking 4", "release": "1.2"}),
        ("error_occurred", {"error_type": "TypeError", "message": "x"}),
        ("login_attempt", {"outcome": "failure", "method": "mail"}),
        ("login_attempt", {"outcome": "failure", "method": "mail"}),
        ("login_attempt", {"outcome": "success", "method": "mail"}),
        ("login_attempt", {"outcome": "success"}),
    ]
    return [
        Event(
            f"t{index:02}",
            start + timedelta(minutes=index),
            name,
            device_id="d7",
            properties=properties,
        )
        for index, (name, properties) in enumerate(said)
    ]


def _pointers(start: datetime) -> list[Event]:
    window = {"viewport_width": 1280, "viewport_height": 720}
    card = {"element_selector": ".event-card", "is_legacy": True}
    said = [
        {"x_position": 768, "y_position": 200, "click_count": 1, **window},
        {"x_position": 1280, "y_position": 24.9, "hover_count": 1, **window},
        {
            "x_position": 150,
            "y_position": 200,
            "click_count": 1,
            "hover_count": 3,
            "scroll_depth": 75,
            **card,
        },
        {"click_count": "many", **card, "element_selector": ".event-list"},
    ]
    return [
        Event(f"p{index}", start, "heatmap_pointer", properties=properties)
        for index, properties in enumerate(said)
    ]


def _event(chance: random.Random, name: str, moment: datetime) -> Event:
    device = chance.randrange(7)
    given = {
        "event_id": name,
        "occurred_at": moment,
        "device_id": f"d{device}",
        "user_id": chance.choice([None, f"u{device % 4}"]),
        "is_bot": device == 0,
        "page_url": f"https://a.example/{chance.randrange(4)}",
        "page_path": f"/p{int(name[1:]) % 29}/17",
        "browser_family": "Firefox",
        "browser_major": "121",
        "device_class": "desktop",
        "ip_truncated": "192.0.2.0/24",
    }
    kind = chance.randrange(7)
    occasion = chance.choice(["o1", "o2", "o3", None])
    match kind:
        case 0:
            return Event(
                event_name="interaction",
                occasion_id=occasion or "o4",
                properties=chance.choice([CARD, LIKE, {"interaction_type": "view"}]),
                **given,
            )
        case 1:
            return Event(
                event_name="conversion",
                occasion_id=occasion,
                value_minor=chance.choice([None, 0, chance.randrange(10_000)]),
                currency=chance.choice(["EUR", "JPY"]),
                properties={
                    "conversion_type": chance.choice(["purchase", "signup"]),
                    **chance.choice([{}, {"campaign_id": "summer"}]),
                },
                **given,
            )
        case 2:
            status = chance.choice([200, 404, 500, 503, None])
            return Event(
                event_name="endpoint_performance",
                is_interactive=False,
                duration_ms=chance.choice([None, chance.randrange(2_000)]),
                status_code=status,
                properties={
                    "endpoint": chance.choice(["/api/a", f"/api/b/{device}?q=1"]),
                    "is_client_failure": status is None,
                },
                **given | {"device_id": None, "user_id": None},
            )
        case 3:
            return Event(event_name="click", occasion_id=occasion, **given)
        case 4:
            return Event(
                event_name="heartbeat",
                is_interactive=False,
                properties=chance.choice([{}, {"slot_seconds": 30}]),
                **given,
            )
    return Event(
        occasion_id=occasion, utm_campaign=chance.choice([None, "ad"]), **given
    )


def tables() -> list[PublishedTable]:
    """Return the published tables that the views rest on."""
    manifest = parse_once().writable_manifest().to_dict(omit_none=False)
    return [each for each in published_tables(manifest) if each.name in PUBLISHED]


def views() -> list[PublishedView]:
    """Return the views that rest on these tables, and on each other."""
    known = {*PUBLISHED, "status"}
    found = []
    for view in published_views():
        names = {name for schema, name in view.reads if schema.startswith("published")}
        if names <= known:
            known.add(view.name)
            found.append(view)
    return found


@contextmanager
def engaged_world(url: str) -> Iterator[EngagedWorld]:
    """Load, build and publish the history into the empty warehouse at `url`."""
    with connect(url, application_name="tests") as connection:
        define(connection, "engagement", "engagement", RULES, ())
        define(connection, "journeys", "journeys", reference_journeys.RULES, ())
        events = history(random.Random(3))
        load(connection, events)
        point_dbt_at(url)
        connection.execute(
            "insert into raw.app_occasions "
            "(occasion_id, starts_at, created_at, row_hash, valid_from, load_id) "
            "select name, %(at)s, %(at)s, '', %(at)s, 1 "
            "from unnest(%(names)s::text[]) as name",
            {"at": at(), "names": list(OCCASIONS)},
        )
        connection.execute(
            "insert into ops.watermarks (source, data_complete_through, rule) "
            "values ('web', %s, 'calendar')",
            (WATERMARK,),
        )
        build_id = build(connection, url=url, select=MODELS)
        terms = Terms(build_id=build_id)
        publish(connection, tables=tables(), terms=terms, views=views())
        yield EngagedWorld(events, connection)
