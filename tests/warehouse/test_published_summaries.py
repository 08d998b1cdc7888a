"""What readers see of minutes, forms, errors and logins, against a count by hand."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from tests.warehouse.definitions import define
from tests.warehouse.engaged_world import WATERMARK

DAY = WATERMARK.date()


def test_quarters_of_an_hour_add_up_to_every_counted_event(engaged):
    expected = Counter(
        (
            event.occurred_at.replace(
                minute=event.occurred_at.minute // 15 * 15, second=0, microsecond=0
            ),
            event.event_name,
        )
        for event in engaged.counted()
    )
    found = Counter()
    for row in engaged.rows("select * from published.activity_15min"):
        found[row.bucket_at, row.event_name] += row.event_count
        over = row.bucket_at + timedelta(minutes=15)
        assert row.is_complete == (over <= WATERMARK == row.data_complete_through)
    assert found == expected
    daily = Counter()
    for row in engaged.rows("select * from published.activity_daily"):
        daily[row.day] += row.event_count
    assert daily == Counter(event.occurred_on for event in engaged.counted())


def test_every_minute_up_to_the_watermark_has_a_bucket(engaged):
    rows = engaged.rows("select * from published.activity_minutes order by bucket_at")
    ends = WATERMARK.replace(second=0)
    minutes = [ends - timedelta(minutes=number) for number in range(1440, 0, -1)]
    assert [row.bucket_at for row in rows] == minutes
    counted = Counter(
        event.occurred_at.replace(second=0, microsecond=0)
        for event in engaged.counted()
    )
    assert [row.event_count for row in rows] == [counted[at] for at in minutes]
    assert {row.data_complete_through for row in rows} == {WATERMARK}


def test_a_form_is_sent_or_given_up_at_a_field(engaged):
    rows = engaged.rows("select * from published.forms_daily order by form_id")
    assert [
        (row.form_id, row.started_count, row.submitted_count, row.abandoned_count)
        for row in rows
    ] == [("booking", 1, 0, 1), ("contact", 1, 1, 0)]
    assert [row.completion_rate for row in rows] == [0, 1]
    assert rows[1].refused_count == 1
    assert rows[1].median_seconds_to_submit == 180
    rows = engaged.rows("select * from published.form_fields_daily order by form_id")
    assert [(row.field_name, row.drop_count, row.refill_count) for row in rows] == [
        ("mail", 1, 2),
        ("date", 0, 0),
    ]
    assert [row.left_blank_count for row in rows] == [1, 0]


def test_errors_are_one_group_whatever_their_numbers(engaged):
    daily = engaged.rows("select * from published.errors_daily order by release")
    assert [(row.release, row.error_count, row.person_count) for row in daily] == [
        ("", 1, 1),
        ("1.1", 1, 1),
        ("1.2", 1, 1),
    ]
    groups = engaged.rows(
        "select * from published.error_groups order by error_count desc"
    )
    assert [(row.error_count, row.person_count) for row in groups] == [(2, 1), (1, 1)]
    assert groups[0].releases == ["1.1", "1.2"]
    assert groups[0].last_at - groups[0].first_at == timedelta(minutes=1)
    # One person met it, so its words may be that person's own.
    assert groups[0].message is None


def test_words_of_an_error_are_told_where_as_many_met_it_as_the_registry_asks(engaged):
    with engaged.connection.transaction(force_rollback=True):
        define(engaged.connection, "defaults", "defaults", {"small_number_k": 1}, ())
        groups = engaged.rows("select message from published.error_groups")
        assert all(group.message for group in groups)


def test_failures_to_log_in_are_a_rate_per_day_and_way(engaged):
    rows = engaged.rows("select * from published.login_failures_daily order by method")
    assert [(row.method, row.attempt_count, row.failure_rate) for row in rows] == [
        ("", 1, 0),
        ("(all)", 4, Decimal("0.5")),
        ("mail", 3, Decimal("0.66666667")),
    ]
    assert {row.day for row in rows} == {DAY}
