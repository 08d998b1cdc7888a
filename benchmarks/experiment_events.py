"""What experiments cost from events to statistics: a build from nothing, and a night.

    python -m benchmarks.experiment_events [--events 10000000] [--experiments 50]

Prints how many rows of every partition of raw.events the statistics pass read, by the
server's own counters, its seconds per million events beside one aggregate over the same
events, and the same of a night of one more day. Ten million events take ten minutes and
15 GB of disk, which are given back.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import psycopg

from benchmarks.funnels import TOUCHED_DAY, TOUCHED_DEVICES, Site, opened
from orchestration.raw.partitions import create_partitions
from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.dbt_run import run_dbt
from orchestration.transform.run import read_definitions
from orchestration.warehouse.connection import connect

FIRST_DAY = date(2025, 11, 1)
DAYS, PERSONS, NAMES, EVENTS_OF_VISIT = 90, 200_000, 20, 10
# Days of events before the first experiment begins.
BEFORE = 15
MODELS = (
    "int_events_matched",
    "experiment_exposures",
    "experiment_units",
    "experiment_statistics",
)
# No metric here is of a funnel, so that the rows of funnels are not asked for.
SELECTED = ("--select", "+experiment_statistics", "--exclude", "int_funnel_rows")


def experiment(number: int) -> dict[str, object]:
    """Return an experiment of four metrics; some of them are those of others."""
    bought = [{"event": "conversion"}]
    seen = [{"event": f"custom.e{number % NAMES:02}"}]
    money = {"value": {"column": "value_minor"}, "currency": "EUR"}
    begins = FIRST_DAY + timedelta(days=BEFORE)
    return {
        "title": f"Experiment {number}",
        "state": "RUNNING",
        "starts_at": datetime.combine(begins, time(), UTC),
        "arms": [{"variant": "control"}, {"variant": "treatment"}],
        "metrics": [
            {"name": "buys", "within_hours": 168, "events": bought},
            {
                "name": "revenue",
                "role": "secondary",
                "type": "mean",
                "within_hours": 168,
                "events": bought,
                **money,
                "covariate": "before_exposure",
                "cap": {"value": 100_000},
            },
            {
                "name": "views_per_purchase",
                "role": "secondary",
                "type": "ratio",
                "within_hours": 168,
                "events": seen,
                "divided_by": bought,
            },
            {
                "name": "sees",
                "role": "guardrail",
                "margin": 0.05,
                "within_hours": 72,
                "events": seen,
            },
        ],
    }


_EVENTS = """
insert into raw.events (
    event_key, source, event_id, event_name, occurred_on, occurred_at, load_id,
    device_id, is_interactive, is_bot, is_internal, is_test, has_violation,
    is_clock_future, lateness, purposes, payload_hash, contract_version, rule_version,
    value_minor, currency, properties
)
select
    hashtextextended(%(day)s || ' ' || visit || ' ' || step, 0),
    'bench',
    %(day)s || ' ' || visit || ' ' || step,
    case
        when step = 1 then 'experiment_exposure'
        when drift < 60 then 'page_view'
        when drift < 66 then 'conversion'
        else 'custom.e' || lpad((drift %% %(names)s)::text, 2, '0')
    end,
    %(day)s,
    (%(day)s || ' 00:00Z')::timestamptz + make_interval(secs => start + step * 40),
    %(load_id)s,
    'device-' || person,
    step > 1, false, false, false, false, false, 'on_time', '{analytics}', 0, 1, 1,
    case when step > 1 and drift between 60 and 65 then 100 * drift end,
    case when step > 1 and drift between 60 and 65 then 'EUR' end,
    case
        when step = 1
            then
                jsonb_build_object(
                    'experiment_id', 'x' || lpad(met::text, 2, '0'),
                    'variant', (array['control', 'treatment'])[1 + (person + met) %% 2]
                )
        else '{}'
    end
from (
    select
        visit,
        abs(hashtextextended(%(day)s || ' ' || visit, 1)) %% %(persons)s as person,
        abs(hashtextextended(%(day)s || ' ' || visit, 2)) %% 85000 as start,
        abs(hashtextextended(%(day)s || ' ' || visit, 3)) %% %(experiments)s as met
    from generate_series(1, %(visits)s) as visit
) as visits
cross join lateral (
    select
        step,
        abs(hashtextextended(%(day)s || ' ' || visit || ' ' || step, 4)) %% 100 as drift
    from generate_series(1, %(steps)s) as step
) as steps
"""


def fill(site: Site, days: Sequence[date], experiments: int) -> None:
    """Put days of visits straight into raw, and say that they were touched."""
    create_partitions(site.url, days)
    with connect(site.url, application_name="daybook bench") as connection:
        for day in days:
            row = connection.execute(
                "insert into ops.loads (kind, source, started_at) "
                "values ('replay', 'bench', now()) returning load_id"
            ).fetchone()
            given = {
                "load_id": row[0] if row else 0,
                "day": day,
                "visits": site.events // EVENTS_OF_VISIT,
                "steps": EVENTS_OF_VISIT,
                "persons": site.persons,
                "names": NAMES,
                "experiments": experiments,
            }
            for statement in (_EVENTS, TOUCHED_DAY, TOUCHED_DEVICES):
                connection.execute(statement, given)
            connection.commit()
        connection.execute("analyze raw.events")
        connection.commit()


def rows_read(connection: psycopg.Connection) -> dict[str, int]:
    """Return how many rows of every table were read since the server began."""
    connection.commit()
    rows = connection.execute(
        "select schemaname || '.' || relname, "
        "seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables "
        "where schemaname in ('raw', 'intermediate', 'marts')"
    ).fetchall()
    connection.commit()
    return dict(rows)


def build(site: Site) -> tuple[dict[str, float], dict[str, int]]:
    """Build what experiments rest on; return seconds by model, and rows by table."""
    begun = begin_build(
        site.url,
        request=Request(run_id="bench"),
        definitions=read_definitions(site.url, site.project),
    )
    if begun is None:
        raise RuntimeError("nothing to build")
    with connect(site.url, application_name="daybook bench") as connection:
        # What identity read is told late otherwise, as if the models had read it.
        begun.connection.execute("select pg_stat_force_next_flush()")
        begun.connection.commit()
        before = rows_read(connection)
        with begun.told_to_dbt():
            if not run_dbt(site.project, ["run", *SELECTED]):
                raise RuntimeError("dbt failed")
        after = rows_read(connection)
        # As if everything had been built: what else there is costs nothing here.
        finish_build(begun)
    results = json.loads((site.project.target / "run_results.json").read_text())
    seconds = {
        result["unique_id"].rpartition(".")[2]: result["execution_time"]
        for result in results["results"]
    }
    read = {name: count - before.get(name, 0) for name, count in after.items()}
    return {name: seconds[name] for name in MODELS}, read


def stored(connection: psycopg.Connection) -> dict[str, int]:
    """Return how many rows the models hold."""
    counts = {}
    for model in MODELS:
        schema = "intermediate" if model.startswith("int_") else "marts"
        row = connection.execute(f"select count(*) from {schema}.{model}").fetchone()
        counts[f"{schema}.{model}"] = int(row[0]) if row else 0
    return counts


def scan_seconds(connection: psycopg.Connection) -> float:
    """Return the seconds of one aggregate over all events, by one process."""
    connection.execute("set max_parallel_workers_per_gather = 0")
    row = connection.execute(
        "explain (analyze, timing off, format json) "
        "select count(*), sum(value_minor), max(occurred_at) from raw.events"
    ).fetchone()
    connection.commit()
    return row[0][0]["Execution Time"] / 1000 if row else 0.0


def report(site: Site, experiments: int) -> None:
    """Measure a build from nothing and a night, and print both."""
    history = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    fill(site, history, experiments)
    seconds, read = build(site)
    whole = sum(seconds.values())
    events = DAYS * (site.events // EVENTS_OF_VISIT) * EVENTS_OF_VISIT
    per_day = events // DAYS
    parts = {name: count for name, count in read.items() if "raw.events_" in name}
    print(f"{events:,} events, {experiments} experiments of four metrics")
    print(
        f"events read: {sum(parts.values()):,}; of a partition of {per_day:,} at most "
        f"{max(parts.values()):,}: {max(parts.values()) / per_day:.2f} (≤ 1)"
    )
    for name, each in seconds.items():
        print(f"  {name}: {each:.1f} s")
    with connect(site.url, application_name="daybook bench") as connection:
        scan = min(scan_seconds(connection) for _ in range(2))
        held = stored(connection)
    print(f"build from nothing: {whole / events * 1e6:.1f} s a million events")
    print(f"to one aggregate over the events ({scan:.1f} s): {whole / scan:.1f}")
    fill(site, [FIRST_DAY + timedelta(days=DAYS)], experiments)
    night, read = build(site)
    print(f"a night of {per_day:,} events / build: {sum(night.values()) / whole:.3f}")
    for name, each in night.items():
        print(f"  {name}: {each:.1f} s")
    older = sum(read.get(name, 0) for name in parts)
    print(f"events of other days read: {older:,}")
    for name, count in held.items():
        print(f"  {name}: {read[name] / count:.3f} of {count:,} rows read")


def main() -> None:
    """Measure one history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--experiments", type=int, default=50)
    given = parser.parse_args()
    bodies = {
        f"experiments/x{number:02}": experiment(number)
        for number in range(given.experiments)
    }
    with opened(bodies, events=given.events // DAYS, persons=PERSONS) as site:
        report(site, given.experiments)


if __name__ == "__main__":
    main()
