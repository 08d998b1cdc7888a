"""Accounts of own people and tests, as the app flags them, and what a change touches.

Events carry flags of their own; this is what only the app knows. Marts leave out what
such accounts do, so a flag that comes or goes touches every day they have.
"""

from typing import LiteralString

import psycopg


def refresh_excluded_accounts(connection: psycopg.Connection, *, timezone: str) -> int:
    """Bring `identity.excluded_accounts` up to raw; return how many accounts changed.

    Runs inside the caller's transaction, before a build claims: the days and devices of
    changed accounts are touched under a load of their own. An erased account keeps its
    flag under the id that replaced it.
    """
    connection.execute(_CHANGED)
    row = connection.execute("select count(*) from changed_accounts").fetchone()
    count = int(row[0]) if row else 0
    if count:
        connection.execute(
            "delete from identity.excluded_accounts "
            "where user_id in (select user_id from changed_accounts)"
        )
        connection.execute(
            "insert into identity.excluded_accounts (user_id, exclusion) "
            "select user_id, exclusion from changed_accounts "
            "where exclusion is not null"
        )
        _touch(connection, timezone=timezone)
    connection.execute("drop table changed_accounts")
    return count


def _touch(connection: psycopg.Connection, *, timezone: str) -> None:
    load = connection.execute(
        """
        insert into ops.loads (kind, source, started_at, reason)
        values (
            'touch', 'accounts', clock_timestamp(),
            'accounts were flagged as own people or tests, or no longer are'
        )
        returning load_id
        """
    ).fetchone()
    parameters = {"load_id": load[0] if load else 0, "timezone": timezone}
    connection.execute("analyze changed_accounts")
    for statement in (_DEVICES, _DAYS):
        connection.execute(statement, parameters)


_CHANGED = """
    create temporary table changed_accounts on commit drop as
    with wanted as (
        select
            user_id,
            case when is_internal then 'internal' else 'test' end as exclusion
        from raw.app_persons
        where valid_to is null and (is_internal or is_test)

        union all

        select
            replacement_id as user_id,
            exclusion
        from privacy.suppressions
        where exclusion is not null
    )

    select
        user_id,
        wanted.exclusion
    from wanted
    full join identity.excluded_accounts as known using (user_id)
    where wanted.exclusion is distinct from known.exclusion
"""

_DEVICES = """
    insert into ops.touched_devices (load_id, device_id, first_at, last_at)
    select
        %(load_id)s,
        events.device_id,
        min(events.occurred_at),
        max(events.occurred_at)
    from raw.events as events
    inner join changed_accounts using (user_id)
    where events.device_id is not null
    group by events.device_id, events.occurred_on
"""

# Every day the account has: its events, the anonymous ones of devices that are its own,
# and its records in the app.
_DAYS: LiteralString = """
    insert into ops.touched_days (load_id, occurred_on, event_name, row_count)
    with instants as (
        select bookings.requested_at as at
        from raw.app_bookings as bookings
        inner join changed_accounts using (user_id)
        where bookings.valid_to is null

        union all

        select states.entered_at as at
        from raw.app_booking_states as states
        inner join raw.app_bookings as bookings using (booking_id)
        inner join changed_accounts using (user_id)
        where states.valid_to is null and bookings.valid_to is null

        union all

        select unnest(array[payments.paid_at, refunds.refunded_at]) as at
        from raw.app_payments as payments
        inner join changed_accounts using (user_id)
        left join raw.app_refunds as refunds
            on payments.payment_id = refunds.payment_id and refunds.valid_to is null
        where payments.valid_to is null

        union all

        select reviews.created_at as at
        from raw.app_reviews as reviews
        inner join changed_accounts using (user_id)
        where reviews.valid_to is null

        union all

        select tickets.issued_at as at
        from raw.app_tickets as tickets
        inner join changed_accounts using (user_id)
        where tickets.valid_to is null

        union all

        select attendance.recorded_at as at
        from raw.app_attendance as attendance
        inner join changed_accounts using (user_id)
        where attendance.valid_to is null

        union all

        select messages.sent_at as at
        from raw.app_messages as messages
        inner join changed_accounts on messages.sender_id = changed_accounts.user_id
        where messages.valid_to is null

        union all

        select persons.registered_at as at
        from raw.app_persons as persons
        inner join changed_accounts using (user_id)
    ),

    days as (
        select (at at time zone %(timezone)s)::date as day
        from instants
        where at is not null

        union all

        select events.occurred_on as day
        from raw.events as events
        inner join changed_accounts using (user_id)

        union all

        select anonymous.occurred_on as day
        from identity.anonymous_days as anonymous
        inner join identity.device_owners as owners using (device_id)
        inner join changed_accounts using (user_id)
    )

    select
        %(load_id)s,
        days.day,
        'account',
        count(*)
    from days
    where days.day >= '1970-01-01' and days.day < current_date + 1100
    group by days.day
"""
