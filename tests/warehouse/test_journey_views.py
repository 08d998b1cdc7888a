"""What readers see of journeys: one person's rows, its summary, the top transitions."""

from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.warehouse.reference_engagement import (
    activity,
    counted_class,
    events_by_person,
    exceptions,
    sessions_by_person,
)
from tests.warehouse.reference_journeys import session_paths
from tests.warehouse.reference_sessions import hashed_key, session_row

KINDS = {
    "page_view": "view",
    "interaction": "interaction",
    "conversion": "conversion",
    "experiment_exposure": "exposure",
}


def session_key(session):
    first = session.interactive[0]
    return hashed_key(session.device_id, first.source, first.event_id)


def journeys(events):
    """Return, by person and day, the rows of a journey in their order."""
    classes = exceptions(events)
    sessions = sessions_by_person(events)
    session_of = {
        id(event): session_key(session)
        for each in sessions.values()
        for session in each
        for event in session.events
    }
    rows = defaultdict(list)
    for person, mine in sessions.items():
        for session in mine:
            first = session.interactive[0]
            begun = ((first.occurred_at, 0), "session_start", None)
            rows[person, first.occurred_on].append((*begun, session_key(session)))
    for person, mine in events_by_person(events).items():
        for event in mine:
            kind = classes.get(id(event)) or KINDS.get(event.event_name, "event")
            if kind != "double_view":
                order = (event.occurred_at, 1, *event.position)
                row = (order, kind, event.event_name, session_of.get(id(event)))
                rows[person, event.occurred_on].append(row)
    return {place: sorted(listed) for place, listed in rows.items()}


def seen_rows(engaged, condition="true"):
    rows = engaged.rows(
        f"select * from published.user_journey where {condition} "
        "order by person_id, occurred_on, position"
    )
    found = defaultdict(list)
    for row in rows:
        found[row.person_id, row.occurred_on].append(row)
    return found


def test_everybodys_journey_is_told_in_order_with_gaps_and_sessions(engaged):
    expected = journeys(engaged.counted())
    found = seen_rows(engaged)
    assert found.keys() == expected.keys()
    for place, rows in expected.items():
        seen = found[place]
        assert [row.position for row in seen] == list(range(1, len(rows) + 1))
        assert [
            (row.occurred_at, row.row_kind, row.event_name, row.session_id)
            for row in seen
        ] == [(order[0], kind, name, key) for order, kind, name, key in rows]
        gaps = [
            (after.occurred_at - before.occurred_at) / timedelta(microseconds=1)
            for before, after in pairwise(seen)
        ]
        assert [row.gap_seconds and row.gap_seconds * 10**6 for row in seen] == [
            None,
            *gaps,
        ]
    kinds = {row.row_kind for rows in found.values() for row in rows}
    assert kinds >= {"session_start", "view", "event", "conversion", "impression"}


def test_filters_by_person_dates_and_kinds_change_no_row(engaged):
    everything = seen_rows(engaged)
    ((person, _),) = Counter(key for key, _ in everything).most_common(1)
    days = sorted({day for _, day in everything})[2:-2]
    found = seen_rows(
        engaged,
        f"person_id = '{person}' and occurred_on between '{days[0]}' and '{days[-1]}' "
        "and row_kind in ('session_start', 'view')",
    )
    expected = {
        place: [row for row in rows if row.row_kind in {"session_start", "view"}]
        for place, rows in everything.items()
        if place[0] == person and place[1] in days
    }
    assert found == {place: rows for place, rows in expected.items() if rows}
    assert found


def test_the_summary_of_every_person_equals_brute_force(engaged):
    events = engaged.counted()
    classes = exceptions(events)
    doubles = {key for key, name in classes.items() if name == "double_view"}
    nodes = {session_key(session): path for session, path in session_paths(events)}
    done = events_by_person(events)
    sessions = sessions_by_person(events)
    rows = engaged.rows("select * from published.user_journey_summary")
    assert {row.person_id for row in rows} == sessions.keys()
    for row in rows:
        mine = [session_row(item, doubles) for item in sessions[row.person_id]]
        paths = [nodes[item["session_id"]] for item in mine]
        bounces = sum(item["is_single_page_bounce"] for item in mine)
        seconds = sum(Decimal(str(item["duration_seconds"])) for item in mine)
        assert row.total_sessions == len(mine)
        assert abs(row.session_duration - seconds / len(mine)) <= Decimal("0.001")
        assert row.bounce_rate == pytest.approx(
            Decimal(100 * bounces) / len(mine), abs=Decimal("0.001")
        )
        visits = Counter(node for path in paths for node in path if node[0] == "/")
        top = sorted(visits.items(), key=lambda item: (-item[1], item[0]))[:10]
        assert row.most_visited_pages == dict(top)
        moves = Counter(move for path in paths for move in pairwise(path))
        top = sorted(moves.items(), key=lambda item: (-item[1], item[0]))[:10]
        assert [
            ((flow["from"], flow["to"]), flow["count"]) for flow in row.common_flows
        ] == top
        acts = done[row.person_id]
        kinds = Counter(counted_class(event, classes) for event in acts)
        assert row.total_events == len(acts) - kinds["double_view"]
        assert row.total_interactions == sum(
            activity(event, classes).startswith("interaction.") for event in acts
        )
    assert any(row.bounce_rate > 0 for row in rows)
    assert any(len(row.common_flows) == 10 for row in rows)


def test_the_distinct_persons_of_a_transition_are_counted_over_any_days(engaged):
    events = engaged.counted()
    nodes = {session_key(session): path for session, path in session_paths(events)}
    expected = defaultdict(set)
    for person, mine in sessions_by_person(events).items():
        for session in mine:
            for step in pairwise(["start", *nodes[session_key(session)], "end"]):
                expected[step].add(person)
    rows = engaged.rows(
        "select steps.source_node, steps.target_node, "
        "count(distinct person_id) as person_count "
        "from published.journey_sessions cross join lateral "
        "unnest('start'::text || nodes, nodes || 'end'::text) "
        "as steps (source_node, target_node) group by 1, 2"
    )
    assert {(row.source_node, row.target_node): row.person_count for row in rows} == {
        step: len(persons) for step, persons in expected.items()
    }


def test_runs_of_nodes_are_listed_by_the_share_of_sessions_that_hold_them(engaged):
    paths = [
        (session.interactive[0].occurred_on, nodes)
        for session, nodes in session_paths(engaged.counted())
    ]
    days = sorted({day for day, _ in paths})
    first, last = days[1], days[-2]
    held = Counter(
        run
        for day, nodes in paths
        if first <= day <= last
        for run in {
            tuple(nodes[place : place + length])
            for length in (3, 4, 5)
            for place in range(len(nodes) - length + 1)
        }
    )
    total = sum(first <= day <= last for day, _ in paths)
    assert held
    for least in (1, 2):
        rows = engaged.rows(
            "select * from published.frequent_sequences("
            f"'{first}', '{last}', {least}::numeric / {total})"
        )
        found = {tuple(row.nodes): (row.session_count, row.support) for row in rows}
        assert found == {
            run: (count, pytest.approx(Decimal(count) / total))
            for run, count in held.items()
            if count >= least
        }
        assert all(row.is_mature for row in rows)


def test_the_top_transitions_and_the_rest_are_all_of_the_day(engaged):
    every = engaged.rows("select * from published.session_transitions_daily")
    top = engaged.rows("select * from published.top_transitions_daily")
    for day in {row.day for row in every}:
        mine = [row for row in every if row.day == day]
        seen = sorted(
            (row for row in top if row.day == day), key=lambda row: row.transition_rank
        )
        listed = [row for row in seen if not row.is_remainder]
        assert len(listed) == min(50, len(mine))
        assert sum(row.transition_count for row in seen) == len(mine)
        assert sum(row.occurrence_count for row in seen) == sum(
            row.occurrence_count for row in mine
        )
        counts = sorted((row.occurrence_count for row in mine), reverse=True)
        assert [row.occurrence_count for row in listed] == counts[:50]
    assert any(row.is_remainder and row.source_node is None for row in top)
