"""What became of every record of every file, against the world's truth."""

from collections import Counter

import polars as pl

from tests.end_to_end.comparing import assert_equal

SOURCES = ("web", "mobile", "server")


def check_files(story):
    """Every record of every file has exactly one outcome, and the right one."""
    assert story.house.conservation() == []
    loads = {
        name: counts
        for name, *counts in story.house.rows(
            """
            select
                file_name, record_count, quarantined_count, not_consented_count,
                accepted_count + duplicate_count + conflict_count
            from ops.loads where kind = 'file'
            """
        )
    }
    expected, malformed, refused = {}, Counter(), Counter()
    for row in story.truth("malformed").iter_rows(named=True):
        malformed[row["source"], row["landed_on"]] += row["record_count"]
    for row in (
        story.truth("deliveries_daily")
        .filter(~pl.col("has_consent"))
        .iter_rows(named=True)
    ):
        refused[row["source"], row["landed_on"]] += row["record_count"]
    known = set()
    for source, name, landed_on, count, _ in sorted(story.files.iter_rows()):
        content = (story.house.landing / name).read_bytes()
        if (source, content) in known:
            # Nothing but the one broken line, as on a day before: loaded once.
            continue
        known.add((source, content))
        # The old tracker and the log have one broken line each day.
        broken = 1 if source in {"legacy", "access_log"} else 0
        broken += malformed[source, landed_on]
        silent = refused[source, landed_on]
        expected[name] = [count, broken, silent, count - broken - silent]
    assert_equal(loads, expected)


def check_deliveries(story):
    """Duplicates, conflicts and lateness are those that were planted."""
    last_day = story.world.date_of(story.world.days - 1)
    sent = story.truth("deliveries_daily").filter("has_consent")
    duplicates = story.house.rows(
        "select source, sum(duplicate_count)::bigint from ops.loads group by source"
    )
    repeats = (
        sent.filter("is_repeat").group_by("source").agg(pl.col("record_count").sum())
    )
    assert_equal(
        {source: n for source, n in duplicates if n}, dict(repeats.iter_rows())
    )
    # Winners of copies received on the last day may land after it.
    sent = sent.filter(pl.col("received_on") < last_day)
    conflicts = Counter(
        received_on
        for (received_on,) in story.house.rows(
            """
            select (convert_from(record, 'UTF8')::jsonb ->> 'received_at')::date
            from raw.set_aside where outcome = 'conflict' and source <> 'server'
            """
        )
        if received_on < last_day
    )
    planted = (
        sent.filter("is_conflict", pl.col("source") != "server")
        .group_by("received_on")
        .agg(pl.col("record_count").sum())
    )
    assert_equal(dict(conflicts), dict(planted.iter_rows()))
    delay = (pl.col("received_on") - pl.col("occurred_on")).dt.total_days()
    label = (
        pl.when(delay <= 0)
        .then(pl.lit("on_time"))
        .when(delay <= 3)
        .then(pl.lit("late"))
        .otherwise(pl.lit("too_late"))
        .alias("lateness")
    )
    expected = (
        sent.filter(~pl.col("is_repeat") & ~pl.col("is_conflict"))
        .group_by("source", "occurred_on", label, "is_clock_future")
        .agg(pl.col("record_count").sum())
    )
    found = story.house.rows(
        """
        select source, occurred_on, lateness, is_clock_future, count(*)
        from raw.events
        where
            source = any(%s)
            and (received_at at time zone 'utc')::date < %s
        group by source, occurred_on, lateness, is_clock_future
        """,
        (list(SOURCES), last_day),
    )
    assert {row[2] for row in found} >= {"on_time", "late"}
    assert_equal(
        {row[:4]: row[4] for row in found},
        {row[:4]: row[4] for row in expected.iter_rows()},
    )
