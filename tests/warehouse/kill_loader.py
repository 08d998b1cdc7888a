"""Kill loads and servers at random moments, and check that nothing came of it.

The long form, 200 kills of the loader and 20 of the server over a million rows:

    python -m tests.warehouse.kill_loader
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from orchestration.raw import intake, source_load
from orchestration.warehouse.connection import connect, sibling_url
from orchestration.warehouse.digest import digest_table
from orchestration.warehouse.embedded import embedded_server
from orchestration.warehouse.migrations import migrate
from orchestration.warehouse.postmaster import Embedded, postmaster
from tests.warehouse.landing_world import World

_LINE = (
    b'{"event_id":"%d","event_name":"page_view","occurred_at":"2026-01-%02dT%02d:00:00Z",'
    b'"received_at":"2026-01-09T00:00:%02dZ","device_id":"d%d",'
    b'"page_url":"https://example.com/%d"%s}\n'
)

# Loads run in a copy of this process: starting an interpreter for each would spend the
# time between two kills on imports.
_FORKS = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Plan:
    """How much to load, and how often to kill what."""

    seed: int = 1
    row_count: int = 1_000_000
    file_rows: int = 40_000
    chunk_rows: int = 4_000
    loader_kills: int = 200
    server_kills: int = 20


def lay_files(world: World, plan: Plan) -> None:
    """Lay files of all sizes: short ones in groups, long ones, copies, bad lines."""
    generator = random.Random(plan.seed)
    laid = number = 0
    while laid < plan.row_count:
        size = generator.choice([5, 300, plan.file_rows // 4, plan.file_rows])
        first = max(0, laid - generator.choice([0, 0, size // 3]))
        lines = [line_of(row, generator) for row in range(first, laid + size)]
        if number % 3 == 0:
            lines.insert(len(lines) // 2, b'{"cut": \n')
        world.put(f"web/{number:05}.ndjson", b"".join(lines))
        laid, number = laid + size, number + 1


def line_of(row: int, generator: random.Random) -> bytes:
    """Say one event; a copy of it has another time of receipt, or another payload."""
    odd = b',"page_title":"other"' if generator.random() < 0.02 else b""
    second = generator.randrange(60)
    return _LINE % (row, 1 + row % 8, row % 24, second, row % 5_000, row % 100, odd)


def load_in_fork(world: World) -> multiprocessing.Process:
    """Start a load that may be killed."""
    process = _FORKS.Process(target=_load_quietly, args=(world,))
    process.start()
    return process


def _load_quietly(world: World) -> None:
    with Path(os.devnull).open("w") as nowhere:
        # A killed server is no news here.
        sys.stderr = nowhere
        world.load()
    os._exit(0)


def kill(process: multiprocessing.Process) -> bool:
    """Kill a load with SIGKILL; whether it was still at it."""
    was_alive = process.is_alive()
    process.kill()
    process.join()
    return was_alive


def kill_server(folder: Path) -> None:
    """Kill the postmaster with SIGKILL, as the out-of-memory killer would."""
    found = postmaster(Embedded(folder))
    os.kill(found.pid, signal.SIGKILL)
    psutil.wait_procs(
        [psutil.Process(found.pid)] if psutil.pid_exists(found.pid) else []
    )


def rows_in(url: str) -> int:
    with connect(url, application_name="tests") as connection:
        return connection.execute("select count(*) from raw.event_keys").fetchone()[0]


def truth_of(url: str) -> dict[str, object]:
    """Digest what loads decide, and add up what the ledger says."""
    with connect(url, application_name="tests") as connection:
        broken = (
            connection.execute(
                "select * from ops.conservation() where difference <> 0"
            ).fetchall()
            + connection.execute(
                "select * from ops.conservation_by_day() where difference <> 0"
            ).fetchall()
        )
        ledger = connection.execute(
            "select file_name, sha256, record_count, quarantined_count"
            " from ops.loads where kind = 'file' order by file_name, sha256"
        ).fetchall()
        twice = connection.execute(
            "select count(*) - count(distinct (source, event_id)) from raw.events"
        ).fetchone()[0]
        conflicts = connection.execute(
            "select event_key, payload_hash from raw.set_aside"
            " where outcome = 'conflict' order by 1, 2"
        ).fetchall()
        return {
            "broken": broken,
            "twice": twice,
            "ledger": ledger,
            "conflicts": conflicts,
            "events": digest_table(connection, "raw.events", ignoring={"load_id"}),
            "keys": digest_table(connection, "raw.event_keys"),
        }


class Trial:
    """One world that is killed until the plan is fulfilled, and one that is not."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.generator = random.Random(plan.seed)
        self.loader_kills = self.server_kills = 0

    def run(self) -> dict[str, object]:
        """Load with and without kills; return both truths."""
        with ExitStack() as servers:
            url = self._start(servers)
            calm = self._world(url, "calm")
            lay_files(calm, self.plan)
            began = time.monotonic()
            calm.load()
            seconds = time.monotonic() - began
            expected = truth_of(calm.url)
            results = []
            while not self._is_done():
                world = self._world(url, f"killed_{len(results)}")
                results.append(self._killed_to_the_end(world, seconds, servers))
        return {
            "expected": expected,
            "results": results,
            "loader_kills": self.loader_kills,
            "server_kills": self.server_kills,
        }

    def _is_done(self) -> bool:
        return (
            self.loader_kills >= self.plan.loader_kills
            and self.server_kills >= self.plan.server_kills
        )

    def _killed_to_the_end(
        self, world: World, seconds: float, servers: ExitStack
    ) -> dict[str, object]:
        """Load one world to its end through kills; some of them hit every stage."""
        lay_files(world, self.plan)
        # The time of two long files: a kill meets any moment of the first transactions,
        # and the loads get on all the same.
        share = 2 * self.plan.file_rows / self.plan.row_count
        longest = max(0.15, seconds * min(share, 1))
        while True:
            process = load_in_fork(world)
            process.join(self.generator.uniform(0, longest))
            if not process.is_alive():
                break
            if self._is_server_next():
                kill_server(self.folder)
                process.join()
                self.server_kills += 1
                self._start(servers)
            elif self.loader_kills < self.plan.loader_kills:
                self.loader_kills += kill(process)
            else:
                process.join()
        world.load()
        return truth_of(world.url)

    def _is_server_next(self) -> bool:
        wanted, planned = self.plan.server_kills, self.plan.loader_kills
        if self.server_kills >= wanted:
            return False
        return self.server_kills * planned <= self.loader_kills * wanted

    def _world(self, url: str, name: str) -> World:
        with connect(url, application_name="tests", autocommit=True) as connection:
            connection.execute(f"create database {name}")
        with connect(sibling_url(url, name), application_name="tests") as connection:
            migrate(connection)
        return World(sibling_url(url, name), self.folder.parent / name)

    def _start(self, servers: ExitStack) -> str:
        server = servers.enter_context(embedded_server(self.folder))
        for _ in range(100):
            try:
                connect(server.url("postgres"), application_name="tests").close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return server.url("postgres")
        msg = "the server did not come back"
        raise RuntimeError(msg)


def run_trial(plan: Plan) -> dict[str, object]:
    """Run a trial in a folder of its own."""
    # Small chunks, so that a transaction has many moments at which to be killed.
    intake.CHUNK_ROWS = plan.chunk_rows
    source_load.GROUP_ROWS = 2 * plan.chunk_rows
    with tempfile.TemporaryDirectory(prefix="daybook-kills-") as folder:
        return Trial(plan, Path(folder) / "postgres").run()


def main() -> None:
    """Run the trial that the command line describes, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in vars(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    began = time.monotonic()
    outcome = run_trial(Plan(**vars(parser.parse_args())))
    wrong = [result for result in outcome["results"] if result != outcome["expected"]]
    events = outcome["expected"]["events"]
    print(  # noqa: T201
        f"{len(outcome['results'])} worlds of {events.row_count:,} rows,"
        f" {outcome['loader_kills']} loads and {outcome['server_kills']} servers"
        f" killed, {len(wrong)} worlds wrong, {time.monotonic() - began:.0f} s"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
