"""Looks behind the numbers of a house that lived for a while."""

import re
from contextlib import nullcontext
from datetime import timedelta
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from orchestration import showing
from orchestration.health.storage import read_storage
from orchestration.quality.provenance import explain_number
from orchestration.quality.recent import tell_recent


def test_a_number_is_told_with_its_meaning_parts_and_loads(story):
    day = story.world.start_on + timedelta(days=5)
    with story.house.connection() as connection:
        lines = explain_number(connection, "engagement_rate", day)
        *parts, state = story.house.one(
            "select value, numerator, denominator, close_state "
            "from published.metrics_daily "
            "where metric_id = 'engagement_rate' and dimension = 'all' and day = %s",
            (day,),
        )
        loads = story.house.rows(
            "select load_id, sum(row_change) from ops.touched_days "
            "where occurred_on = %s group by load_id",
            (day,),
        )
    text = "\n".join(lines)
    assert f"Engagement rate on {day}" in lines
    assert "engaged sessions / sessions (rate;" in text
    told = re.search(r"value    (\S+) = (\S+) / (\S+), (\w+), complete through", text)
    assert [Decimal(part) for part in told.groups()[:3]] == parts
    assert told[4] == state
    rests = re.findall(r"load (\d+), .*: ([+-][\d,]+) rows", text)
    found = {int(load): int(change.replace(",", "")) for load, change in rests}
    assert len(found) == min(10, len(loads))
    assert found.items() <= dict(loads).items()


def test_a_number_nobody_knows_is_none_and_a_day_without_one_says_so(story):
    with story.house.connection() as connection:
        assert (
            explain_number(connection, "no_such_metric", story.world.start_on) is None
        )
        before = story.world.start_on - timedelta(days=400)
        lines = explain_number(connection, "sessions", before)
    assert lines[-1] == "  value    none is published for that day"


def test_what_happened_of_late_is_told_up_to_the_watermark(story):
    with story.house.connection() as connection:
        first, *lines = tell_recent(connection)
        last_day = connection.execute(
            "select data_complete_through from published.status"
        ).fetchone()[0]
        moves = connection.execute(
            """
            select day, occurrence_count, session_count
            from published.session_transitions_daily
            order by day desc, occurrence_count desc limit 1
            """
        ).fetchone()
    assert first == f"Until {last_day:%Y-%m-%d %H:%M} UTC, by days of UTC"
    assert [line.split()[0] for line in lines[:5]] == ["1h", "6h", "24h", "7d", "30d"]
    assert re.match(r"  30d  page_view \d+, ", lines[4])
    assert lines[5] == f"Sessions that began on {moves[0]} went most often"
    assert len(lines) == 16
    assert lines[6].startswith(f"{moves[1]:>9,} x ")
    assert lines[6].endswith(f", in {moves[2]:,} sessions")


@pytest.mark.parametrize(
    "arguments", [("recent",), ("number", "sessions", "2026-10-05"), ("content",)]
)
def test_what_is_published_is_shown_and_that_nothing_is_yet(
    arguments, story, database, monkeypatch
):
    def shown(url):
        opened = nullcontext((story.house.settings, url))
        monkeypatch.setattr(showing, "open_warehouse", lambda: opened)
        return CliRunner().invoke(showing.show, list(arguments))

    there = shown(story.house.url)
    assert there.exit_code == 0
    assert there.stdout
    nothing = shown(database)
    assert nothing.exit_code == 1
    assert nothing.stderr.startswith("nothing is published yet")


def test_bytes_of_events_add_up_to_what_the_relations_take(story):
    with story.house.connection() as connection:
        kinds = read_storage(connection)
    counts = dict(
        story.house.rows("select event_name, count(*) from raw.events group by 1")
    )
    assert {kind.event_name: kind.event_count for kind in kinds} == counts
    for kind in kinds:
        (weight,) = story.house.one(
            "select avg(pg_column_size(events.*)) from raw.events as events "
            "where event_name = %s",
            (kind.event_name,),
        )
        # Of the whole kind, or of a sample of 2000.
        assert kind.row_bytes == pytest.approx(float(weight) + 4, rel=0.05)
    (total,) = story.house.one(
        """
        select pg_total_relation_size('raw.event_keys')
            + sum(pg_total_relation_size(relid))
        from pg_partition_tree('raw.events') where isleaf
        """
    )
    told = sum(kind.total_bytes * kind.event_count for kind in kinds)
    assert told == pytest.approx(float(total), rel=1e-6)
    # Days of a small house have pages to spare; each event still takes little.
    assert told / sum(counts.values()) < 1536
