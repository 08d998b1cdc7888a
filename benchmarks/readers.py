"""What readers wait for: the guide's questions alone, and while a night is at work.

    python -m benchmarks.readers [--days 360] [--events 30000] [--budget 1.0]

Asks every query of docs/guides/read-numbers.md, and the views that dashboards show, as
the role of readers. Prints medians and how much a night beside them costs; exits with 1
where a question alone takes longer than the budget. Seconds are this machine's.
"""

import argparse
import re
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median

import psycopg

from benchmarks.nights import LAST_DAY, Site, installation, world_of
from orchestration.quality.publishing import Terms, publish
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.connection import connect

GUIDE = PROJECT_ROOT / "docs" / "guides" / "read-numbers.md"
BLOCK = re.compile(r"^```sql\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What dashboards show whole: each is a few rows, whatever they are made of.
VIEWS = ("stickiness", "recent_activity", "recent_conversions", "recent_endpoints")
TRIES = 5


@dataclass(frozen=True)
class Waits:
    """Seconds that one question took, alone and beside a night."""

    alone: list[float]
    beside: list[float]


def questions(last_on: date, *, guide: Path = GUIDE) -> dict[str, str]:
    """Return every question by name, about the month that ends with a day."""
    found = {}
    for number, text in enumerate(BLOCK.findall(guide.read_text()), start=1):
        query = text.replace("2026-01-31", str(last_on))
        query = query.replace("2026-01-01", str(last_on - timedelta(days=30)))
        found[f"{number} of the guide"] = query
    return found | {name: f"select * from published.{name}" for name in VIEWS}


def slow(waits: Mapping[str, Waits], *, budget: float) -> list[str]:
    """Return the questions whose median, alone, is above the budget."""
    return [name for name, each in waits.items() if median(each.alone) > budget]


def ask(connection: psycopg.Connection, query: str) -> float:
    """Return the seconds from question to last row, as a reader."""
    began = time.perf_counter()
    with connection.transaction():
        connection.execute("set local role bi_reader")
        connection.execute(query.encode()).fetchall()
    return time.perf_counter() - began


def measure(days: int, *, events: int) -> dict[str, Waits]:
    """Ask everything alone, then over and over while a night brings one more day."""
    world = world_of(days + 1, events=events)
    asked = questions(LAST_DAY - timedelta(days=2))
    with (
        installation(f"readers of {days} days") as site,
        ThreadPoolExecutor(max_workers=1) as night,
    ):
        site.simulate(replace(world, days=days))
        site.night()
        _publish_views(site)
        with connect(site.url, application_name="daybook reader") as connection:
            waits = {
                name: Waits([ask(connection, query) for _ in range(TRIES)], [])
                for name, query in asked.items()
            }
            site.simulate(world, first_day=days)
            work: Future = night.submit(site.night)
            while not work.done():
                for name, query in asked.items():
                    waits[name].beside.append(ask(connection, query))
            work.result()
    return waits


def _publish_views(site: Site) -> None:
    # Reads the project of the installation, which the settings name only now.
    from orchestration.quality.assets import TABLES, VIEWS  # noqa: PLC0415

    with connect(site.url, application_name="daybook bench") as connection:
        publish(connection, tables=TABLES, terms=Terms(), views=VIEWS)


def report(waits: Mapping[str, Waits]) -> None:
    """Print what each question took."""
    for name, each in waits.items():
        alone = median(each.alone)
        beside = median(each.beside)
        print(
            f"  {name:<20} alone {1000 * alone:8.1f} ms, beside a night "
            f"{1000 * beside:8.1f} ms ({beside / alone:.1f} x), "
            f"longest of {len(each.beside)}: {1000 * max(each.beside):.1f} ms"
        )


def main() -> None:
    """Measure, and fail where a question exceeds the budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=360)
    parser.add_argument("--events", type=int, default=30_000, help="on a day")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds alone")
    given = parser.parse_args()
    waits = measure(given.days, events=given.events)
    report(waits)
    above = slow(waits, budget=given.budget)
    print(f"above {given.budget} s: {', '.join(above) or 'none'}")
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
