"""Each of our dbt tests fails on the fault that it is for, and passes without it."""

import pytest

from tests.warehouse.definitions_of_funnels import define_funnels, funnel
from tests.warehouse.histories import Event, at, begin_build, end_build, load, run_dbt

MODELS = ("+sessions", "+person_days", "+metrics_daily", "+funnel_steps_daily")
FAULTS = {
    "int_events_sessionized__one_row_per_session_id": (
        "update intermediate.int_events_sessionized set session_id = 'same'"
    ),
    "int_events_sessionized__lasts_a_day_at_most": (
        "update intermediate.int_events_sessionized "
        "set ended_at = started_at + interval '24 hours 1 second'"
    ),
    "sessions__keep_every_counted_event": (
        "update marts.sessions set event_count = event_count + 1"
    ),
    "person_days__parts_fit_in_the_whole": (
        "update marts.person_days set view_count = event_count + 1"
    ),
    "activity_buckets__keep_every_counted_event": (
        "update marts.activity_buckets set event_count = event_count + 1"
    ),
    "endpoint_buckets__parts_fit_in_the_whole": (
        "insert into marts.endpoint_buckets values "
        "('2026-03-01', '2026-03-01', '/api', 1, 1, 1, 1, 1)"
    ),
    "person_events_daily__keep_every_event_of_a_person": (
        "delete from marts.person_events_daily where activity = 'click'"
    ),
    "person_sessions_daily__parts_fit_in_the_whole": (
        "update marts.person_sessions_daily "
        "set engaged_session_count = session_count + 1"
    ),
    "form_sessions__are_submitted_after_they_start": (
        "insert into marts.form_sessions (device_id, started_on, started_at, form_id, "
        "form_started_at, submitted_at, refused_count, fields) values "
        "('d', '2026-03-01', '2026-03-01', 'f', '2026-03-01', '2026-02-28', 0, '[]')"
    ),
    "session_transitions_daily__flows_conserve": (
        "update marts.session_transitions_daily "
        "set occurrence_count = occurrence_count + 1 where source_node = 'start'"
    ),
    "session_transitions_daily__start_once_per_session": (
        "delete from marts.session_transitions_daily"
    ),
    "session_transitions_daily__occur_in_sessions": (
        "update marts.session_transitions_daily "
        "set session_count = occurrence_count + 1"
    ),
    "session_sequences_daily__occur_in_sessions": (
        "insert into marts.session_sequences_daily values "
        "('2026-03-01', 's', '{a,b,c}', 1, 2)"
    ),
    "element_interactions_daily__parts_fit_in_the_whole": (
        "insert into marts.element_interactions_daily values "
        "('2026-03-01', 'click', '/a', 'b', 1, 2, 1)"
    ),
    "metrics_daily__rates_are_fractions": (
        "update marts.metrics_daily set value = 1.01 where metric_id = 'error_rate'"
    ),
    "metrics_daily__pages_add_up_to_all_views": (
        "delete from marts.metrics_daily where dimension_value = '/a'"
    ),
    "days__end_after_they_start": (
        "update marts.days set period_ends_at = period_starts_at"
    ),
    "funnel_steps_daily__steps_are_complete": (
        "delete from marts.funnel_steps_daily where step_index = 1"
    ),
    "funnel_steps_daily__never_grow": (
        "update marts.funnel_steps_daily set rate_from_previous = 2 "
        "where step_index = 2"
    ),
    "active_persons_daily__wider_windows_hold_more": (
        "update marts.active_persons_daily set daily_count = weekly_count + 1"
    ),
    "retention_cohorts__nobody_returns_who_did_not_start": (
        "insert into marts.retention_cohorts values "
        "('x', '2026-03-01', '2026-03-01', 'all', '', 0, 'on', 'calendar', 'day', "
        "'units', 1, 2, 2, 0, 0, '2026-03-02', '2026-03-01')"
    ),
    "lifecycle_periods__the_active_are_new_returning_or_resurrecting": (
        "insert into marts.lifecycle_periods values ('x', 'day', '2026-03-01', "
        "'2026-03-01', '2026-02-28', 2, 1, 0, 0, 0, 0, null, '2026-03-02')"
    ),
    "lifecycle_periods__the_dormant_were_active_and_did_not_return": (
        "insert into marts.lifecycle_periods values ('x', 'day', '2026-03-01', "
        "'2026-03-01', '2026-02-28', 1, 1, 0, 0, 1, 0, null, '2026-03-02')"
    ),
    "lifecycle_periods__follow_from_one_period_to_the_next": (
        "insert into marts.lifecycle_periods values ('x', 'day', '2026-03-01', "
        "'2026-03-01', '2026-02-28', 0, 0, 0, 0, 1, 1, 0, '2026-03-02')"
    ),
    "facts_captured_daily__capture_no_more_than_all": (
        "insert into marts.facts_captured_daily values "
        "('2026-03-01', 'order', 'Firefox', 'granted', 1, 2)"
    ),
    "revenue_daily__list_discounts_charged_refunds_and_net_agree": (
        "insert into marts.revenue_daily values ('2026-03-01', 'cash', 'p', 's', "
        "'EUR', 10, 0, 0, 9, 0, 9, 0, 0, 0, 1, 0)"
    ),
    "revenue_totals_daily__are_what_the_finer_grain_adds_up_to": (
        "insert into marts.revenue_totals_daily values ('2026-03-01', 'cash', "
        "'EUR', 9, 0, 0, 9, 0, 9, 0, 0, 0, 1, 0)"
    ),
    "experiment_statistics__convert_no_more_than_all": (
        "insert into marts.experiment_statistics values ('x', 1, 'm', 'big', false, "
        "'all', 'all', '2026-03-01', 0, 1, 2, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, "
        "0, 0, 0, 0, 0, 0, 0)"
    ),
    "bookings__take_no_negative_time": (
        "insert into marts.bookings (booking_id, user_id, state, state_since, "
        "is_quarantined, requested_at, requested_on, paid_seconds) values "
        "('b', 'u', 'paid', '2026-03-01', false, '2026-03-01', '2026-03-01', -1)"
    ),
    "provider_performance_daily__ratings_lie_on_the_scale": (
        "insert into marts.provider_performance_daily values "
        "('2026-03-01', 'p', 0, 0, 0, 0, 0, 0, 0, 0, 1, 6, 0, 0)"
    ),
    "provider_performance_daily__no_more_repeat_than_mature": (
        "insert into marts.provider_performance_daily values "
        "('2026-03-01', 'p', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2)"
    ),
    "utilisation_daily__parts_fit_in_the_whole": (
        "insert into marts.utilisation_daily values "
        "('2026-03-01', 'p', 1, 2, 0, 0, 0, 0, 2)"
    ),
    "occasions__no_more_attend_than_register_or_walk_in": (
        "insert into marts.occasions (occasion_id, starts_at, starts_on, "
        "registered_person_count, registered_count, refunded_count, cancelled_count, "
        "attended_count, walk_in_count, no_show_count) values "
        "('o', '2026-03-01', '2026-03-01', 1, 1, 0, 0, 1, 0, 1)"
    ),
}


@pytest.fixture
def built(database, connection):
    """A warehouse with two sessions and one funnel, built and checked in a build."""
    define_funnels(connection, {"buy": funnel("page_view", "click")})
    load(
        connection,
        [
            Event("a", at(), page_path="/a"),
            Event("b", at(minutes=1), "click"),
            Event("c", at(hours=2), page_path="/b"),
        ],
    )
    build_id, days = begin_build(connection)
    run_dbt(database, build_id=build_id, days=days, command="build")
    end_build(connection, build_id=build_id)
    return database


def test_every_dbt_test_of_ours_fails_on_its_own_fault(built, connection):
    # All pass; dbt has then compiled them, and starting it for each costs a second.
    tried = run_dbt(built, command="test", select=["test_type:generic"])
    results = getattr(tried, "results", [])
    queries = {item.node.name: item.node.compiled_code for item in results}
    assert queries.keys() == FAULTS.keys()
    for name, fault in FAULTS.items():
        with connection.transaction(force_rollback=True):
            connection.execute(fault)
            assert connection.execute(queries[name]).fetchall(), name


def test_inside_a_build_tests_look_at_the_days_it_changed(built, connection):
    connection.execute("update marts.person_days set view_count = event_count + 1")
    connection.commit()
    load(connection, [Event("d", at(days=3))])
    build_id, days = begin_build(connection)
    # With whom person_days is compared.
    select = ["+person_days", "+person_events_daily"]
    run_dbt(built, build_id=build_id, days=days, command="build", select=select)
