"""What funnels cost beside sorting their own hits, one more day, and two peers.

    python -m benchmarks.funnels [--days 360] [--events 30000] [--persons 200000]

Twenty funnels of five steps; --mixed gives eight of them settings that are searched
row by row. --days 45 --persons 50000 takes three minutes. Prints ratios: only they can
be compared between machines.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg
import yaml
from psycopg import sql

from benchmarks.funnel_peers import duckdb_counts, self_join_counts
from orchestration.raw.partitions import create_partitions
from orchestration.registry.storing import refresh_registry
from orchestration.settings import PROJECT_ROOT, export_environment, read_settings
from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.dbt_run import Project, run_dbt
from orchestration.transform.run import read_definitions
from orchestration.warehouse.connection import connect
from orchestration.warehouse.server import warehouse

FIRST_DAY = date(2025, 11, 1)
FUNNELS, STEPS, NAMES = 20, 5, 50
EVENTS_OF_VISIT = 13
SETTINGS_SHOWN = (
    "server_version",
    "shared_buffers",
    "work_mem",
    "max_parallel_workers_per_gather",
    "fsync",
    "jit",
)
MODELS = (
    "int_funnel_rows",
    "int_funnel_persons",
    "funnel_attempts",
    "funnel_steps_daily",
    "funnel_reach_daily",
)
# The funnel that peers answer, too: ordered, one window, nothing else.
PLAIN = 1


@dataclass(frozen=True)
class Site:
    """An installation of its own, and how much happens there."""

    url: str
    project: Project
    registry: Path
    events: int
    persons: int


def funnel(number: int, *, is_mixed: bool) -> dict[str, object]:
    """Return a funnel of five events in a row; mixed, some ask for more."""
    first = number * NAMES // FUNNELS
    names = [event_name((first + place) % NAMES) for place in range(STEPS)]
    steps = [
        {"name": f"step_{place + 1}", "events": [{"event": name}]}
        for place, name in enumerate(names)
    ]
    body: dict[str, object] = {"title": f"Funnel {number}", "steps": steps}
    match number % 10 if is_mixed else 0:
        case 6:
            steps[2]["within"] = "1 day"
        case 7:
            body["ordering"] = "any_order"
        case 8:
            body["ordering"] = "strict"
        case 9:
            excluded = [{"event": event_name((first + STEPS) % NAMES)}]
            body["counting"] = "totals"
            body["exclusions"] = [
                {"after": "step_1", "before": "step_2", "events": excluded}
            ]
    return body


def event_name(number: int) -> str:
    """Return the name of one of the events of the site."""
    return f"custom.e{number:02}"


@contextmanager
def installation(
    events: int, persons: int, *, is_mixed: bool = False
) -> Iterator[Site]:
    """Give an installation with twenty funnels, gone afterwards."""
    bodies = {
        f"funnels/f{number:02}": funnel(number, is_mixed=is_mixed)
        for number in range(FUNNELS)
    }
    with opened(bodies, events=events, persons=persons) as site:
        yield site


@contextmanager
def opened(
    bodies: dict[str, dict[str, object]], *, events: int, persons: int
) -> Iterator[Site]:
    """Give an installation with definitions of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
        home = Path(folder)
        registry = home / "registry"
        _write_registry(registry, bodies)
        settings = read_settings(
            {"DAYBOOK_HOME": folder, "DAYBOOK_REGISTRY": str(registry)}
        )
        with warehouse(settings) as url:
            export_environment(settings, url)
            with connect(url, application_name="daybook bench") as connection:
                refreshed = refresh_registry(connection, settings.registry_dir)
                if refreshed.problems:
                    raise RuntimeError(refreshed.problems)
                for name in SETTINGS_SHOWN:
                    row = connection.execute(
                        "select current_setting(%s)", (name,)
                    ).fetchone()
                    print(f"  {name} = {row[0] if row else None}")
            yield Site(url, Project.of(settings), registry, events, persons)


class _Plain(yaml.SafeDumper):
    """Without aliases, which the registry refuses."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


def _write_registry(folder: Path, bodies: dict[str, dict[str, object]]) -> None:
    folder.mkdir()
    for path in (PROJECT_ROOT / "registry").glob("*.yml"):
        (folder / path.name).write_text(path.read_text())
    (folder / "contracts").symlink_to(PROJECT_ROOT / "registry" / "contracts")
    for name, body in bodies.items():
        path = folder / f"{name}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.dump(body, Dumper=_Plain))


def fill(site: Site, days: Sequence[date]) -> None:
    """Put days of visits straight into raw, and say that they were touched.

    A visit walks on from some event to those after it, so that steps follow each other.
    """
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
            }
            for statement in (_EVENTS, TOUCHED_DAY, TOUCHED_DEVICES):
                connection.execute(statement, given)
            connection.commit()
        connection.execute("analyze raw.events")
        connection.commit()


_EVENTS = """
insert into raw.events (
    event_key, source, event_id, event_name, occurred_on, occurred_at, load_id,
    device_id, is_interactive, is_bot, is_internal, is_test, has_violation,
    is_clock_future, lateness, purposes, payload_hash, contract_version, rule_version,
    properties
)
select
    hashtextextended(%(day)s || ' ' || visit || ' ' || step, 0),
    'bench',
    %(day)s || ' ' || visit || ' ' || step,
    'custom.e' || lpad(((first + step + drift) %% %(names)s)::text, 2, '0'),
    %(day)s,
    (%(day)s || ' 00:00Z')::timestamptz + make_interval(secs => start + step * 40),
    %(load_id)s,
    'device-' || person,
    true, false, false, false, false, false, 'on_time', '{analytics}', 0, 1, 1, '{}'
from (
    select
        visit,
        abs(hashtextextended(%(day)s || ' ' || visit, 1)) %% %(persons)s as person,
        abs(hashtextextended(%(day)s || ' ' || visit, 2)) %% 85000 as start,
        abs(hashtextextended(%(day)s || ' ' || visit, 3)) %% %(names)s as first
    from generate_series(1, %(visits)s) as visit
) as visits
cross join lateral (
    select
        step,
        abs(hashtextextended(%(day)s || ' ' || visit || ' ' || step, 4)) %% 3 as drift
    from generate_series(1, %(steps)s) as step
) as steps
"""
TOUCHED_DAY = """
insert into ops.touched_days (load_id, occurred_on, event_name, row_count, row_change)
select load_id, occurred_on, event_name, count(*), count(*)
from raw.events where occurred_on = %(day)s group by load_id, occurred_on, event_name
"""
TOUCHED_DEVICES = """
insert into ops.touched_devices (load_id, device_id, first_at, last_at)
select load_id, device_id, min(occurred_at), max(occurred_at)
from raw.events where occurred_on = %(day)s group by load_id, device_id
"""


def build(site: Site) -> dict[str, float]:
    """Build what funnels rest on and funnels; return the seconds of their models."""
    begun = begin_build(
        site.url,
        request=Request(run_id="bench"),
        definitions=read_definitions(site.url, site.project),
    )
    if begun is None:
        raise RuntimeError("nothing to build")
    # What they rest on is built before: sessions beside them would take a processor.
    below = ["run", "--select", "+funnel_steps_daily", "--exclude", *MODELS]
    with begun.told_to_dbt():
        succeeded = run_dbt(site.project, below) and run_dbt(
            site.project, ["run", "--select", *MODELS]
        )
    if not succeeded:
        raise RuntimeError("dbt failed")
    # As if everything had been built: what else there is costs nothing here.
    finish_build(begun)
    results = json.loads((site.project.target / "run_results.json").read_text())
    seconds = {
        result["unique_id"].rpartition(".")[2]: result["execution_time"]
        for result in results["results"]
    }
    return {name: seconds[name] for name in MODELS}


def change_one(site: Site) -> dict[str, float]:
    """Give one funnel another window, and build what follows from it."""
    path = site.registry / "funnels" / f"f{PLAIN:02}.yml"
    body = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(body | {"window": "7 days"}))
    with connect(site.url, application_name="daybook bench") as connection:
        refresh_registry(connection, site.registry)
    return build(site)


def sorted_hits(connection: psycopg.Connection) -> tuple[list[int], list[float]]:
    """Return hits of each funnel, and the seconds of one sort of them."""
    counts, seconds = [], []
    for number in range(1, FUNNELS + 1):
        connection.execute("drop table if exists hits")
        connection.execute(
            sql.SQL(
                "create temporary table hits as "
                "select coalesce(user_id, device_id) as person, occurred_at, "
                "(hit & x'7fffffff'::bigint)::integer as mask "
                "from intermediate.int_funnel_rows, unnest(hits) as hit "
                "where hit >> 32 = {number}"
            ).format(number=sql.Literal(number))
        )
        connection.execute("analyze hits")
        row = connection.execute(
            "explain (analyze, timing off, format json) "
            "select person, occurred_at, mask from hits order by person, occurred_at"
        ).fetchone()
        [plan] = row[0] if row else [{}]
        seconds.append(plan["Execution Time"] / 1000)
        counts.append(int(plan["Plan"]["Actual Rows"]))
        if number == PLAIN:
            connection.execute("drop table if exists plain_hits")
            connection.execute("create temporary table plain_hits as table hits")
            connection.execute("analyze plain_hits")
    return counts, seconds


def compare(connection: psycopg.Connection, share: float) -> None:
    """Print what the plain funnel costs elsewhere, and that it says the same."""
    row = connection.execute(
        "select array_agg(reached order by step) from ("
        "select step, count(*) filter (where depth >= step) as reached "
        "from marts.funnel_attempts, generate_series(1, %s) as step "
        "where funnel_id = 'f00' group by step) as counted",
        (STEPS,),
    ).fetchone()
    ours = row[0] if row else []
    for name, answer in (
        ("DuckDB, asof joins", duckdb_counts),
        ("self-joins of dbt_product_analytics", self_join_counts),
    ):
        counts, seconds = answer(connection, steps=STEPS, window=timedelta(days=14))
        verdict = "same counts" if counts == ours else f"says {counts}, we {ours}"
        print(f"{name}: {seconds / share:.2f} of ours per funnel ({verdict})")


def report(site: Site, days: int) -> None:
    """Measure everything on a history of some days, and print the ratios."""
    history = [FIRST_DAY + timedelta(days=number) for number in range(days)]
    fill(site, history)
    full = build(site)
    with connect(site.url, application_name="daybook bench") as connection:
        counts, sorts = sorted_hits(connection)
        hits = ", ".join(f"{count:,}" for count in counts)
        print(f"{days * site.events:,} events; hits per funnel: {hits}")
        print(f"sum of one sort each: {sum(sorts):.2f} s")
        whole = sum(full.values())
        for name, seconds in full.items():
            print(f"  {name}: {seconds:.2f} s")
        print(f"full build / sum of sorts: {whole / sum(sorts):.2f} (≤ 5)")
        compare(connection, whole / FUNNELS)
    fill(site, [FIRST_DAY + timedelta(days=days)])
    began = time.perf_counter()
    one_more = build(site)
    print(f"one more day, with its start: {time.perf_counter() - began:.1f} s")
    for name, seconds in one_more.items():
        print(f"  {name}: {seconds:.2f} s")
    print(f"one more day / full build: {sum(one_more.values()) / whole:.3f} (≤ 0.1)")
    changed = change_one(site)
    for name, seconds in changed.items():
        print(f"  {name}: {seconds:.2f} s")
    print(f"one funnel changed / full build: {sum(changed.values()) / whole:.3f}")


def main() -> None:
    """Measure one history."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=360)
    parser.add_argument("--events", type=int, default=30_000)
    parser.add_argument("--persons", type=int, default=200_000)
    parser.add_argument("--mixed", action="store_true")
    given = parser.parse_args()
    with installation(given.events, given.persons, is_mixed=given.mixed) as site:
        report(site, given.days)


if __name__ == "__main__":
    main()
