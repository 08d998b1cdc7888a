"""What the marts of bookings and revenue cost: all of them, and one night more.

    python -m benchmarks.marketplace [--bookings 2000000] [--days 90 360]

The first compares building those marts from nothing with one pass over the tables that
they read, each counted by one sequential scan; the second a night on a short history
with the same night on a long one. Prints ratios; times are those of the statements of
these models and what they read, as the server says, and the scan's, run just before.
"""

import argparse
import json
import time
from dataclasses import dataclass
from datetime import date, timedelta

import psycopg

from benchmarks.nights import LAST_DAY, Site, installation
from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.dbt_run import Project, run_dbt
from orchestration.transform.run import read_definitions
from orchestration.warehouse.connection import connect

FOLDERS = ("marketplace", "revenue")
SELECTED = [f"+path:models/marts/{folder}" for folder in FOLDERS]
INPUTS = (
    "app_bookings",
    "app_booking_states",
    "app_payments",
    "app_refunds",
    "app_payouts",
)
PROVIDERS = 2_000

# One booking in seven is declined, one paid in twenty given back.
_BOOKINGS = """
    insert into raw.app_bookings (
        booking_id, user_id, provider_id, service_id, state, requested_at, starts_at,
        ends_at, list_minor, discount_minor, charged_minor, fee_minor, tax_minor,
        currency, row_hash, valid_from, load_id
    )
    select
        'b' || number, 'u' || number * 7919 %% 200000, 'p' || number %% %(providers)s,
        's' || number %% 8,
        case when number %% 7 = 0 then 'declined' else 'completed' end,
        asked.at, asked.at + interval '3 days', asked.at + interval '3 days 1 hour',
        5000, 500 * (number %% 10 = 0)::int, 5000 - 500 * (number %% 10 = 0)::int,
        750, 798, 'EUR', sha256(number::text::bytea), %(now)s, %(load_id)s
    from generate_series(%(first)s::bigint, %(last)s) as numbers (number)
    cross join lateral (
        select
            %(start)s::timestamptz
            + (number - %(origin)s) * interval '1 day' / %(daily)s as at
    ) as asked
"""
_DERIVED = (
    """
    insert into raw.app_booking_states (
        booking_state_id, booking_id, state, actor, entered_at, row_hash, valid_from,
        load_id
    )
    select
        booking_id || '/' || steps.entered, booking_id, steps.entered, 'system',
        requested_at + steps.later, row_hash, valid_from, load_id
    from raw.app_bookings
    inner join (
        values
        ('completed', 'accepted', interval '2 hours'),
        ('completed', 'paid', interval '3 hours'),
        ('completed', 'completed', interval '3 days 1 hour'),
        ('declined', 'declined', interval '2 hours')
    ) as steps (state_at_end, entered, later) on state = state_at_end
    where load_id = %(load_id)s
    """,
    """
    insert into raw.app_payments (
        payment_id, booking_id, user_id, provider_id, state, amount_minor, fee_minor,
        tax_minor, currency, paid_at, created_at, row_hash, valid_from, load_id
    )
    select
        'y' || booking_id, booking_id, user_id, provider_id, 'captured', charged_minor,
        fee_minor, tax_minor, currency, requested_at + interval '3 hours',
        requested_at, row_hash, valid_from, load_id
    from raw.app_bookings
    where load_id = %(load_id)s and state = 'completed'
    """,
    """
    insert into raw.app_refunds (
        refund_id, payment_id, booking_id, amount_minor, currency, refunded_at,
        row_hash, valid_from, load_id
    )
    select
        'r' || booking_id, 'y' || booking_id, booking_id, 1000, currency,
        requested_at + interval '5 days', row_hash, valid_from, load_id
    from raw.app_bookings
    where
        load_id = %(load_id)s
        and state = 'completed'
        and hashtext(booking_id) %% 20 = 0
    """,
    """
    insert into raw.app_payouts (
        payout_id, provider_id, state, charged_minor, fee_minor, refund_minor,
        adjustment_minor, net_minor, currency, period_starts_on, period_ends_on,
        paid_at, created_at, row_hash, valid_from, load_id
    )
    select
        'x' || provider_id || '/' || week, provider_id, 'paid', sum(amount_minor),
        sum(fee_minor), 0, 0, sum(amount_minor - fee_minor), 'EUR', week::date,
        week::date + 6, week + interval '8 days', week + interval '7 days', '\\x00',
        min(valid_from), %(load_id)s
    from (
        select *, date_trunc('week', paid_at) as week
        from raw.app_payments where load_id = %(load_id)s
    ) as payments
    group by provider_id, week
    on conflict do nothing
    """,
    """
    insert into ops.touched_days (load_id, occurred_on, event_name, row_count)
    select %(load_id)s, requested_at::date, 'app:bookings', count(*)
    from raw.app_bookings where load_id = %(load_id)s
    group by requested_at::date
    """,
)


@dataclass(frozen=True)
class Measured:
    """Seconds on one length of history."""

    days: int
    bookings: int
    scan: float
    full: float
    night: float


def fill(connection: psycopg.Connection, *, day: date, days: int, daily: int) -> None:
    """Store the bookings of some days, and all that follows from them, as one load."""
    origin = (day - date(2020, 1, 1)).days * daily
    with connection.transaction():
        row = connection.execute(
            "insert into ops.loads (kind, source, started_at) "
            "values ('extract', 'app', now()) returning load_id"
        ).fetchone()
        terms = {
            "load_id": row[0] if row else None,
            "providers": PROVIDERS,
            "start": day,
            "now": LAST_DAY,
            "origin": origin,
            "first": origin,
            "last": origin + days * daily - 1,
            "daily": daily,
        }
        for statement in (_BOOKINGS, *_DERIVED):
            connection.execute(statement, terms)
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False


def scan_seconds(connection: psycopg.Connection) -> float:
    """Return the time of one sequential pass over each of the inputs."""
    connection.execute("set max_parallel_workers_per_gather = 0")
    began = time.perf_counter()
    for table in INPUTS:
        connection.execute(
            f"select count(*), max(row_hash), sum(load_id) from raw.{table}"  # type: ignore[arg-type]
        ).fetchone()
    connection.rollback()
    return time.perf_counter() - began


def build_seconds(site: Site) -> float:
    """Build those marts and what they read; return the time of the statements.

    The build settles its claims, or the next would read all of it again: to this
    installation there are no other models.
    """
    project = Project.of(site.settings)
    definitions = read_definitions(site.url, project)
    build = begin_build(
        site.url, request=Request(run_id="bench"), definitions=definitions
    )
    if build is None:
        raise RuntimeError("there is nothing to build")
    since = site.log.stat().st_size
    with build.told_to_dbt():
        # One at a time: statements side by side would wait for each other's core.
        if not run_dbt(project, ["run", "--threads", "1", "--select", *SELECTED]):
            raise RuntimeError("dbt failed")
    seconds = site.statement_seconds(since)
    finish_build(build)
    report_models(project)
    return seconds


def report_models(project: Project) -> None:
    """Print which models took longest; starting each is a part of it."""
    results = json.loads((project.target / "run_results.json").read_text())
    times = {
        each["unique_id"].rsplit(".", 1)[1]: each["execution_time"]
        for each in results["results"]
    }
    for name in sorted(times, key=times.__getitem__, reverse=True)[:6]:
        print(f"    {name:<32} {times[name]:8.2f} s")


def measure(days: int, *, daily: int) -> Measured:
    """Measure a first build over so many days, and a night after it."""
    with installation(f"{days} days of {daily:,} bookings") as site:
        with connect(site.url, application_name="daybook bench") as connection:
            first = LAST_DAY - timedelta(days=days)
            fill(connection, day=first, days=days, daily=daily)
            scan = scan_seconds(connection)
        full = build_seconds(site)
        with connect(site.url, application_name="daybook bench") as connection:
            fill(connection, day=LAST_DAY, days=1, daily=daily)
        night = build_seconds(site)
    return Measured(days, days * daily, scan, full, night)


def main() -> None:
    """Measure every length of history, shortest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--bookings", type=int, default=2_000_000, help="on the longest"
    )
    parser.add_argument("--days", type=int, nargs="+", default=[90, 360])
    given = parser.parse_args()
    daily = given.bookings // max(given.days)
    measured = [measure(days, daily=daily) for days in sorted(given.days)]
    for each in measured:
        print(
            f"{each.days} days, {each.bookings:,} bookings: "
            f"one scan {each.scan:.2f} s, "
            f"all marts {each.full:.2f} s, ratio {each.full / each.scan:.1f} (≤ 5), "
            f"a night {each.night:.2f} s"
        )
    grown = measured[-1].night / measured[0].night
    print(f"a night on {measured[-1].days} / on {measured[0].days} days: {grown:.2f}")


if __name__ == "__main__":
    main()
