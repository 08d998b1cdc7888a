"""The truth against the files: read back and worked out again from times alone.

The simulation knows its sessions because it planned them. Here they are found the other
way round, event by event in plain Python, by the words of SEMANTICS 2.1 to 2.3.
"""

import gzip
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import zstandard

from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import NON_INTERACTIVE, Troubles, World

pytestmark = pytest.mark.thorough

GAP, CAP = timedelta(minutes=30), timedelta(hours=24)
LOUD = Troubles(
    duplicates=0.05,
    conflicts=0.02,
    late=0.05,
    very_late=0.01,
    bridges=0.06,
    pauses=0.05,
    splits=0.08,
    double_views=0.1,
    skewed_clocks=0.2,
    wrong_clocks=0.03,
    future_clocks=0.03,
    shared_devices=0.3,
    test_accounts=0.03,
)
WORLD = World(
    seed=11,
    persons=250,
    days=8,
    start_on=date(2026, 10, 22),
    activity=0.8,
    troubles=LOUD,
)
LOG_LINE = re.compile(r'(\S+) - - \[(.*?)\] "GET (\S+) HTTP/1.1" 200 \d+ "-" "(.*)"')
SHAPES = {"button_click": "click", "search": "search_performed"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("simulated")
    simulate(WORLD, home / "landing", home / "truth")
    return home


def truth(made, table):
    return pl.read_parquet(made / "truth" / f"{table}.parquet")


def instant(text):
    return datetime.fromisoformat(text) if text else None


def web_and_mobile(landing):
    for path in sorted(landing.glob("web/*")):
        for line in gzip.decompress(path.read_bytes()).split(b"\n"):
            try:
                yield "web", json.loads(line)
            except (ValueError, RecursionError):
                continue
    for path in sorted(landing.glob("mobile/*")):
        batch = json.loads(
            zstandard.ZstdDecompressor().stream_reader(path.open("rb")).read()
        )
        for record in batch["events"]:
            yield "mobile", record


def native_events(landing):
    for source, record in web_and_mobile(landing):
        if isinstance(record, dict) and len(record.get("event_id", "")) == 36:
            times = {
                name: instant(record.get(name))
                for name in ("occurred_at", "sent_at", "received_at")
            }
            yield source, record | times
    for path in sorted(landing.glob("server/*")):
        for record in pl.read_parquet(path).iter_rows(named=True):
            yield "server", record


def winners(landing):
    """Keep one row per id: the one received first."""
    best = {}
    for source, record in native_events(landing):
        key = (source, record["event_id"])
        if key not in best or record["received_at"] < best[key]["received_at"]:
            best[key] = record
    return [record for record in best.values() if record["consent"]]


def occurred(record):
    original, sent, received = (
        record["occurred_at"],
        record.get("sent_at"),
        record["received_at"],
    )
    corrected = received - (sent - original) if sent else original
    return received if corrected > received + timedelta(minutes=5) else corrected


def event(device, at, name, path, user=None):
    return {"device": device, "at": at, "name": name, "path": path, "user": user}


def legacy_events(landing):
    for path in sorted(landing.glob("legacy/*")):
        for line in path.read_text().splitlines():
            if '"sessionId"' not in line:
                continue
            record = json.loads(line)
            name = record.get("eventType")
            name = SHAPES.get(name, name)
            if "interactionType" in record:
                name = "interaction"
            elif "conversionType" in record:
                name = "conversion"
            elif "elementSelector" in record:
                name = "heatmap_pointer"
            at = instant(record["timestamp"])
            yield event(record["sessionId"], at, name, "/occasions")


def logged_requests(landing):
    for path in sorted(landing.glob("access_log/*")):
        for line in path.read_text().splitlines():
            found = LOG_LINE.fullmatch(line)
            if found:
                address, time, page, agent = found.groups()
                at = datetime.strptime(time, "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)
                yield event(f"{address} {agent}", at, "http_request", page)


def events_by_device(landing):
    devices = defaultdict(list)
    for record in winners(landing):
        if record["device_id"] is None:
            continue
        url = record.get("page_url") or ""
        path = "/" + url.split("?")[0].split("/", 3)[-1] if url else None
        found = event(
            record["device_id"],
            occurred(record),
            record["event_name"],
            path,
            record.get("user_id"),
        )
        found["url"] = url
        devices[record["device_id"]].append(found)
    for other in (*legacy_events(landing), *logged_requests(landing)):
        devices[other["device"]].append(other | {"url": None})
    for events in devices.values():
        events.sort(key=lambda found: found["at"])
    return devices


def sessions_of(events):
    """Cut the events of a device; events in none come back apart."""
    sessions, outside = [], []
    for found in events:
        last = sessions[-1] if sessions else None
        if found["name"] in NON_INTERACTIVE:
            fits = last and found["at"] - last["ended_at"] <= GAP
            (last["others"] if fits else outside).append(found)
            continue
        if (
            last is None
            or found["at"] - last["ended_at"] > GAP
            or found["at"] - last["started_at"] > CAP
        ):
            last = {"started_at": found["at"], "events": [], "others": []}
            sessions.append(last)
        last["ended_at"] = found["at"]
        last["events"].append(found)
    return sessions, outside


def view_count(events):
    """Count page views, the same page of a device within a second once."""
    count, before = 0, {}
    for found in events:
        if found["name"] == "page_view":
            seen = before.get(found["url"]) if found["url"] else None
            count += seen is None or found["at"] - seen > timedelta(seconds=1)
            before[found["url"]] = found["at"]
    return count


@pytest.fixture(scope="module")
def read_back(made):
    devices = events_by_device(made / "landing")
    return {device: sessions_of(events) for device, events in devices.items()}


def test_every_session_is_found_again_from_times(made, read_back):
    expected = {
        (row["device_id"], row["started_at"]): (
            row["ended_at"],
            row["interactive_event_count"],
            row["other_event_count"],
            row["view_count"],
            row["conversion_count"],
            row["error_count"],
        )
        for row in truth(made, "sessions").filter("has_consent").iter_rows(named=True)
    }
    found = {}
    for device, (sessions, _) in read_back.items():
        for session in sessions:
            names = Counter(one["name"] for one in session["events"])
            found[device, session["started_at"]] = (
                session["ended_at"],
                len(session["events"]),
                len(session["others"]),
                view_count(session["events"]),
                names["conversion"],
                names["error_occurred"],
            )
    assert len(found) > 1_000
    assert found == expected


def test_no_event_of_a_device_lies_outside_its_sessions(read_back):
    assert not [outside for _, outside in read_back.values() if outside]


def test_entry_and_exit_pages_are_those_of_the_files(made, read_back):
    rows = truth(made, "sessions").filter("has_consent", "is_recoverable")
    for row in rows.filter(pl.col("source").is_in(["web", "mobile"])).iter_rows(
        named=True
    ):
        sessions, _ = read_back[row["device_id"]]
        mine = next(one for one in sessions if one["started_at"] == row["started_at"])
        views = [one["path"] for one in mine["events"] if one["name"] == "page_view"]
        pages = (views[0], views[-1]) if views else (None, None)
        assert (row["entry_path"], row["exit_path"]) == pages


def owners(sessions, device):
    """Say who is behind each event of a device (SEMANTICS 2.3, time-bounded)."""
    before = f"device:{device}"
    for session in sessions:
        everything = sorted(
            session["events"] + session["others"], key=lambda one: one["at"]
        )
        for place, one in enumerate(everything):
            if one["user"]:
                before = f"user:{one['user']}"
                yield one, before
                continue
            following = (later["user"] for later in everything[place:] if later["user"])
            user = next(following, None)
            yield one, f"user:{user}" if user else before


def test_person_days_follow_from_who_logged_in_where(made, read_back):
    found = Counter()
    # Whom an account or its lack makes of a lead is no matter of logging in.
    leads = truth(made, "leads").select("device_id", "person").iter_rows()
    known_as = {f"device:{device}": person for device, person in leads}
    for device, (sessions, _) in read_back.items():
        for one, person in owners(sessions, device):
            if one["name"] not in NON_INTERACTIVE:
                day = one["at"].astimezone(UTC).date()
                found[known_as.get(person, person), day] += 1
    expected = Counter()
    for row in truth(made, "person_days").filter("has_consent").iter_rows(named=True):
        expected[row["person"], row["day"]] += row["interactive_event_count"]
    assert found == expected


def test_shared_devices_really_have_two_users(made, read_back):
    shared = truth(made, "devices").filter("is_shared")["device_id"].to_list()
    users = [
        {one["user"] for session in read_back[device][0] for one in session["events"]}
        for device in shared
        if device in read_back
    ]
    assert sum(len(found - {None}) == 2 for found in users) >= 5


def test_metrics_add_up_to_sessions_and_person_days(made):
    metrics = truth(made, "metrics_daily")
    counted = pl.col("has_consent") & ~pl.col("is_bot") & ~pl.col("is_test")
    sessions = truth(made, "sessions").filter(counted)
    assert metrics["session_count"].sum() == len(sessions)
    assert metrics["view_count"].sum() == sessions["view_count"].sum()
    interactive = sessions["interactive_event_count"].sum()
    assert metrics["interactive_event_count"].sum() == interactive
    pages = truth(made, "top_pages_daily")
    assert pages["view_count"].sum() == metrics["view_count"].sum()


def test_delivered_records_are_those_in_the_files(made):
    counted = (
        truth(made, "deliveries_daily")
        .group_by("source")
        .agg(pl.col("record_count").sum())
    )
    found = Counter(source for source, _ in native_events(made / "landing"))
    assert dict(counted.iter_rows()) == found


def test_conflicting_copies_differ_and_the_first_received_wins(made):
    copies = defaultdict(set)
    for source, record in native_events(made / "landing"):
        copies[source, record["event_id"]].add(record.get("page_title"))
    disputed = [titles for titles in copies.values() if len(titles) > 1]
    assert len(disputed) > 100
    titles = {record.get("page_title") for record in winners(made / "landing")}
    # A winner that lands after the end of the world leaves the copy that it beats.
    late = sum(
        record.get("page_title") is not None for record in winners(made / "landing")
    )
    assert None in titles
    assert late < len(disputed) / 4
