"""A day begins with the first instant of which the clock says it, in every zone."""

from tests.warehouse.test_macros import value_of

# Days whose midnight comes twice or never, and those that begin an hour of theirs late.
ZONES = {
    "America/Havana": ("2026-11-01", "2026-03-08"),
    "Atlantic/Azores": ("2026-10-25", "2026-03-29"),
    "Africa/Cairo": ("2026-04-24", "2026-10-30"),
    "America/Sao_Paulo": ("2018-11-04", "2018-02-18"),
    "America/Scoresbysund": ("2026-03-28", "2026-10-24", "2024-03-31"),
    "America/Nuuk": ("2025-10-25", "2025-03-29"),
    "Pacific/Apia": ("2011-12-30",),
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
}
CASES = [(zone, day) for zone, days in ZONES.items() for day in days]
# Of every quarter of an hour around: what the clock says against what the bounds say.
WRONG = """
    select at, on_day
    from generate_series(%(day)s::date - 2, %(day)s::date + 2, '1 day') as days (day)
    cross join generate_series(
        %(day)s::timestamptz - interval '4 days',
        %(day)s::timestamptz + interval '5 days',
        interval '15 minutes'
    ) as instants (at)
    cross join lateral (
        select (at at time zone %(zone)s)::date = day::date as on_day
    ) as said
    where on_day <> (
        at >= ops.day_start(day::date, %(zone)s)
        and at < ops.day_start(day::date + 1, %(zone)s)
    )
"""


def test_an_instant_is_between_the_starts_of_its_day_and_the_next(connection):
    wrong = {
        (zone, day): connection.execute(WRONG, {"zone": zone, "day": day}).fetchall()
        for zone, day in CASES
    }
    assert [case for case, instants in wrong.items() if instants] == []


def test_changed_days_hold_the_hour_whose_midnight_comes_twice(database, monkeypatch):
    monkeypatch.setenv("DAYBOOK_TIMEZONE", "America/Havana")
    within = """(
        select json_agg({{ is_within_ranges('at', [['2026-11-01', '2026-11-01']]) }})
        from unnest(array[
            '2026-11-01T03:59:59Z', '2026-11-01T04:30:00Z', '2026-11-02T05:00:00Z'
        ]::timestamptz[]) as instants (at)
    )"""
    assert value_of(database, within) == [False, True, False]
