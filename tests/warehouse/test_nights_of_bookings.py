"""A night of bookings and money reads what it changes, however long the history."""

from datetime import timedelta

import pytest

from benchmarks.marketplace import INPUTS, LAST_DAY, SELECTED, fill
from tests.warehouse.histories import build

DAILY = 100
# A table of a few pages, days by currencies, is rightly read whole, and customers
# mature only after 90 days. Bookings, states and payments have ten times these rows.
SLACK = 1_000


def rows_read(connection):
    """How many rows were read of each table so far, one by one or all of it."""
    with connection.transaction():
        rows = connection.execute(
            """
            select relname, seq_tup_read + coalesce(idx_tup_fetch, 0)
            from pg_stat_user_tables
            where
                (schemaname = 'raw' and relname = any(%s))
                or (schemaname = 'marts' and relname <> 'days')
            """,
            (list(INPUTS),),
        )
        return dict(rows.fetchall())


def spend_night(connection, url, day):
    """Bring one more day, build; return how many rows of each table were read."""
    fill(connection, day=day, days=1, daily=DAILY)
    before = rows_read(connection)
    build(connection, url=url, select=SELECTED)
    after = rows_read(connection)
    return {table: count - before.get(table, 0) for table, count in after.items()}


@pytest.mark.long
def test_a_night_of_bookings_reads_no_more_of_a_longer_history(database, connection):
    begins = LAST_DAY - timedelta(days=30)
    fill(connection, day=begins, days=30, daily=DAILY)
    build(connection, url=database, select=SELECTED)
    short = spend_night(connection, database, LAST_DAY)
    fill(connection, day=begins - timedelta(days=150), days=150, daily=DAILY)
    build(connection, url=database, select=SELECTED)
    # A week later, so that a week of payouts is as young as it was.
    long = spend_night(connection, database, LAST_DAY + timedelta(days=7))
    assert short["app_bookings"] >= DAILY
    grown = {
        table: (short[table], count)
        for table, count in long.items()
        if count > 1.3 * short[table] + SLACK
    }
    assert grown == {}
