"""Facts: what is known of every person as of a day, in the columns of the catalogue.

A person is an account of the app, or whoever has a day in the longest window: people
seen neither there nor then are nobody to a segment. Staff and test accounts are left
out. The facts follow from the day and the warehouse alone; no clock is asked.
"""

from collections.abc import Iterator
from datetime import date

import psycopg
from psycopg import sql

from orchestration.registry.catalogue import PERSON_COUNTS, PERSON_WINDOWS

# Counts that are no sums of a column of person_days.
_ACTIVE_DAYS = "active_day_count"
_BOOKINGS = "booking_count"


def make_facts(connection: psycopg.Connection, *, as_of: date, timezone: str) -> None:
    """Make the temporary table `person_facts`, one row per person.

    It is gone at the end of the caller's transaction.

    Parameters
    ----------
    as_of : date
        The last day that counts; every window ends with it.
    timezone : str
        The zone of the reporting days.
    """
    connection.execute("drop table if exists pg_temp.person_facts")
    connection.execute(facts_sql(as_of=as_of, timezone=timezone))
    # Nobody else analyses a temporary table.
    connection.execute("analyze pg_temp.person_facts")


def facts_sql(*, as_of: date, timezone: str) -> sql.Composed:
    """Return the statement that makes the facts.

    Days are literals, so that the windows come from an index and not from the history.
    """
    last_day = sql.SQL("date {}").format(sql.Literal(as_of.isoformat()))
    return sql.SQL(_FACTS).format(
        last_day=last_day,
        longest=sql.Literal(max(PERSON_WINDOWS)),
        timezone=sql.Literal(timezone),
        counted=_columns(_counted(last_day)),
        booked=_columns(_booked(last_day)),
        counts=_columns(_counts()),
    )


def _counted(last_day: sql.Composable) -> Iterator[sql.Composable]:
    for name in PERSON_COUNTS:
        for days in PERSON_WINDOWS:
            inside = sql.SQL("day > {} - {}").format(last_day, sql.Literal(days))
            if name == _ACTIVE_DAYS:
                yield sql.SQL("count(*) filter (where is_active and {}) as {}").format(
                    inside, _window(name, days)
                )
            elif name != _BOOKINGS:
                yield sql.SQL("sum({}) filter (where {})::bigint as {}").format(
                    sql.Identifier(name), inside, _window(name, days)
                )


def _booked(last_day: sql.Composable) -> Iterator[sql.Composable]:
    for days in PERSON_WINDOWS:
        yield sql.SQL("count(*) filter (where day > {} - {}) as {}").format(
            last_day, sql.Literal(days), _window(_BOOKINGS, days)
        )


def _counts() -> Iterator[sql.Composable]:
    for name in PERSON_COUNTS:
        for days in PERSON_WINDOWS:
            table = "booked" if name == _BOOKINGS else "counted"
            yield sql.SQL("coalesce({}, 0) as {}").format(
                sql.Identifier(table, f"{name}_{days}d"), _window(name, days)
            )


def _window(name: str, days: int) -> sql.Identifier:
    return sql.Identifier(f"{name}_{days}d")


def _columns(columns: Iterator[sql.Composable]) -> sql.Composed:
    return sql.SQL(",\n        ").join(columns)


# Accounts are read in their history: what is so today was not so on every day. Before
# the first version that is known, its traits stand.
_FACTS = """
create temporary table person_facts on commit drop as
with ends as (
    select
        ops.day_start({last_day} - {longest} + 1, {timezone}) as begins_at,
        ops.day_start({last_day} + 1, {timezone}) as ends_at
),

accounts as (
    select distinct on (persons.user_id)
        persons.user_id,
        persons.role,
        persons.region,
        persons.locale,
        persons.acquisition_channel,
        (persons.registered_at at time zone {timezone})::date as registered_on,
        coalesce(persons.valid_to >= ends.ends_at, true) as is_open,
        persons.is_internal or persons.is_test as is_excluded
    from raw.app_persons as persons
    cross join ends
    where persons.registered_at < ends.ends_at
    order by
        persons.user_id,
        persons.valid_from >= ends.ends_at,
        greatest(ends.ends_at - persons.valid_from, persons.valid_from - ends.ends_at)
),

counted as (
    select
        person_id,
        max(user_id) as user_id,
        bool_and(is_anonymous) as is_anonymous,
        max(day) filter (where is_active) as last_active_on_90d,
        {counted}
    from marts.person_days
    where day > {last_day} - {longest} and day <= {last_day}
    group by person_id
),

bookings as (
    select
        stored.user_id,
        (stored.requested_at at time zone {timezone})::date as day
    from raw.app_bookings as stored
    where
        stored.valid_to is null
        and stored.requested_at >= (select begins_at from ends)
        and stored.requested_at < (select ends_at from ends)
),

booked as (
    select
        user_id,
        {booked}
    from bookings
    group by user_id
),

persons as (
    select
        counted.*,
        accounts.role,
        accounts.region,
        accounts.locale,
        accounts.acquisition_channel,
        accounts.registered_on,
        accounts.is_open,
        accounts.is_excluded,
        coalesce(counted.user_id, accounts.user_id) as known_user_id
    from counted
    full join accounts on counted.user_id = accounts.user_id
)

select
    -- As the macro person_id calls a user.
    coalesce(
        counted.person_id,
        left(
            encode(
                sha256(
                    convert_to(
                        jsonb_build_array('user', counted.known_user_id)::text, 'UTF8'
                    )
                ),
                'hex'
            ),
            32
        )
    ) as person_id,
    coalesce(counted.is_anonymous, false) as is_anonymous,
    counted.role,
    counted.region,
    counted.locale,
    counted.acquisition_channel,
    counted.registered_on,
    counted.last_active_on_90d,
    {counts}
from persons as counted
left join booked on booked.user_id = counted.known_user_id
where
    (counted.person_id is not null or counted.is_open)
    and counted.is_excluded is not true
"""
