"""Real logs through reading and normalising: the published counts come out."""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from itertools import pairwise

from tests.conformance.landed import case, declared, load, rows, shipped

GAP = timedelta(minutes=30)


def sessions(events) -> int:
    """Count sessions by the gap alone, walking each device's events in order."""
    by_device = defaultdict(list)
    for row in events:
        by_device[row["device_id"]].append(row["occurred_at"])
    return sum(
        1 + sum(later - earlier > GAP for earlier, later in pairwise(times))
        for times in (sorted(times) for times in by_device.values())
    )


def test_the_access_log_gives_its_requests_visitors_and_sessions():
    folder = case("events/apache_logs")
    expected = json.loads((folder / "case.json").read_text())["expected"]
    batch = load((folder / "access.log").read_bytes(), shipped("access_log"))
    events = rows(batch)

    assert [aside.reason for aside in batch.set_aside] == ["unparsed_line"]
    assert len(events) == 9_999
    status = Counter(str(row["status_code"]) for row in events)
    assert status == expected["status"]
    days = Counter(str(row["occurred_on"]) for row in events)
    assert days == expected["requests_per_day"]
    # Visitors are addresses and agents together, as sessions are.
    assert sessions(events) == expected["sessions_30m"]
    sizes = (json.loads(row["properties"]).get("response_bytes", 0) for row in events)
    assert sum(sizes) == expected["bytes"]
    assert not any(row["has_violation"] for row in events if row["referrer"] is None)


def test_no_full_address_of_the_access_log_is_left():
    folder = case("events/apache_logs")
    content = (folder / "access.log").read_bytes()
    events = rows(load(content, shipped("access_log")))
    assert all(row["ip_truncated"].endswith(".0") for row in events)
    addresses = {line.split(b" ", 1)[0].decode() for line in content.splitlines()}
    addresses = {address for address in addresses if not address.endswith(".0")}
    kept = {item for row in events for item in row.values() if isinstance(item, str)}
    assert not addresses & kept


def test_the_music_app_gives_its_users_pages_and_sessions():
    folder = case("events/music_app_json")
    expected = json.loads((folder / "case.json").read_text())["expected"]
    source = declared("music_app")
    events = []
    for path in sorted((folder / "logs").iterdir()):
        batch = load(path.read_bytes(), source)
        assert batch.set_aside == []
        events += rows(batch)

    assert len(events) == 8_056
    assert len({row["user_id"] for row in events} - {None}) == expected["users"]
    anonymous = sum(row["user_id"] is None for row in events)
    assert anonymous == expected["anonymous"]
    names = Counter(row["event_name"] for row in events)
    wanted = {
        "custom." + page.lower().replace("nextsong", "next_song").replace(" ", "_"): n
        for page, n in expected["pages"].items()
    }
    assert names == wanted
    active = defaultdict(set)
    for row in events:
        if row["user_id"]:
            active[str(row["occurred_on"])].add(row["user_id"])
    assert {day: len(users) for day, users in active.items()} == expected["dau"]
    # The published figure is of people who were logged in.
    known = [row for row in events if row["user_id"]]
    given = {(row["user_id"], row["client_session_id"]) for row in known}
    assert len(given) == expected["given_sessions"]
    assert "Frye" not in json.dumps([row["properties"] for row in events])
