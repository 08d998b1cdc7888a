"""What loading costs beside a bare COPY of the same rows.

    python -m benchmarks.load [--rows 300000] [--present 10000000]

Prints ratios: only they can be compared between machines.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from orchestration.raw.loading import load_landing
from orchestration.raw.partitions import create_partitions
from orchestration.raw.reports import LoadReport
from orchestration.raw.retention import purge_day
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse.connection import connect
from orchestration.warehouse.embedded import embedded_server
from orchestration.warehouse.migrations import migrate

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
NOW = datetime(2026, 1, 20, tzinfo=UTC)
SETTINGS_SHOWN = (
    "server_version",
    "shared_buffers",
    "max_wal_size",
    "wal_compression",
    "synchronous_commit",
    "fsync",
    "full_page_writes",
    "wal_level",
)

# COPY is given pieces of the size that psycopg's own documentation advises.
_PIECE = 1 << 18

_FORKS = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Measured:
    """What a piece of work took, in a process of its own."""

    seconds: float
    mebibytes: float


def events(count: int, *, seed: int) -> Iterator[dict[str, object]]:
    """Yield typical events of four days, about 190 bytes each without their names."""
    generator = random.Random(seed)
    for number in range(count):
        occurred = FIRST_DAY + timedelta(seconds=345_600 * number / count)
        (kind,) = generator.choices(("search", "click", "view"), (1, 2, 7))
        event: dict[str, object] = {
            "event_id": str(uuid.UUID(int=generator.getrandbits(128), version=4)),
            "event_name": "page_view",
            "occurred_at": occurred.isoformat(),
            "sent_at": (occurred + timedelta(seconds=1)).isoformat(),
            "received_at": (occurred + timedelta(seconds=1.2)).isoformat(),
            "sequence": number % 50,
            "device_id": f"device-{number // 50 * 10 + generator.randrange(10):08x}",
            "page_url": f"https://example.com/listing/{generator.randrange(2_000)}",
            "properties": {},
        }
        if number % 3 == 0:
            event["user_id"] = f"user-{generator.randrange(10_000)}"
        if kind == "search":
            event["event_name"] = "search_performed"
            event["properties"] = {"query": "yoga berlin", "results_count": 12}
        elif kind == "click":
            event["event_name"] = "click"
            event["properties"] = {"element_id": f"button-{number % 20}"}
        yield event


def write_ndjson(path: Path, made: list[dict[str, object]]) -> None:
    """Write events as NDJSON, long finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in made))
    os.utime(path, (FIRST_DAY.timestamp(), FIRST_DAY.timestamp()))


def write_parquet(path: Path, made: list[dict[str, object]]) -> None:
    """Write events as Parquet, properties as JSON text."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**event, "properties": json.dumps(event["properties"])} for event in made]
    for event in rows:
        for name in ("occurred_at", "sent_at", "received_at"):
            event[name] = datetime.fromisoformat(str(event[name]))
        event.setdefault("user_id", None)
    pq.write_table(pa.Table.from_pylist(rows), path)
    os.utime(path, (FIRST_DAY.timestamp(), FIRST_DAY.timestamp()))


def measured(work: Callable[[], object]) -> Measured:
    """Run work in a copy of this process, so that its memory is its own."""
    receiving, sending = _FORKS.Pipe(duplex=False)

    def run() -> None:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        sending.send(Measured(seconds, peak))

    process = _FORKS.Process(target=run)
    process.start()
    result = receiving.recv()
    process.join()
    return result


@contextmanager
def bench_settings() -> Iterator[Settings]:
    """Yield settings of a warehouse and a landing store of their own."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
        home = Path(folder)
        registry = home / "registry"
        (registry / "sources").mkdir(parents=True)
        (registry / "contracts").symlink_to(PROJECT_ROOT / "registry" / "contracts")
        (registry / "sources" / "web.yml").write_text(
            "name: web\ndescription: Made events.\nowner: benchmarks\npath: web\n"
        )
        (home / "landing").mkdir()
        with embedded_server(home / "postgres") as server:
            url = server.url("postgres")
            with connect(url, application_name="benchmark") as connection:
                migrate(connection)
            yield Settings(
                home=home,
                database_url=url,
                landing_url=str(home / "landing"),
                app_database_url=None,
                registry_dir=registry,
                timezone="UTC",
                pseudonym_key_text="benchmark",
            )


class Bench:
    """A warehouse with keys in it, and what is measured against it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.url = str(settings.database_url)
        self.landing = Path(settings.landing_url)

    def execute(self, statement: str, *values: object) -> list[tuple]:
        """Run one statement and return its rows."""
        with connect(
            self.url, application_name="benchmark", autocommit=True
        ) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def fill_keys(self, count: int) -> None:
        """Put keys of earlier events into raw.event_keys."""
        self.execute(
            "insert into raw.event_keys"
            " select ('x' || substr(md5(n::text), 1, 16))::bit(64)::bigint, 0, n,"
            " date '2025-06-01', now(), n, now()"
            " from generate_series(1, %s) as n order by 1 on conflict do nothing",
            count,
        )
        self.execute("vacuum (analyze) raw.event_keys")

    def load(self) -> LoadReport:
        """Load what is new."""
        return load_landing(self.url, settings=self.settings, now=NOW)

    def bare_copy(self, csv: bytes) -> Measured:
        """COPY prepared CSV through the client into the same partitions."""

        def work() -> None:
            with connect(self.url, application_name="benchmark") as connection:
                statement = "copy raw.events from stdin (format csv)"
                with connection.cursor().copy(statement) as copy:
                    for at in range(0, len(csv), _PIECE):
                        copy.write(csv[at : at + _PIECE])

        self.execute("truncate raw.events")
        self.execute("checkpoint")
        return measured(work)

    def events_as_csv(self) -> bytes:
        """Return the rows of raw.events as the CSV that the bare COPY is given."""
        with (
            connect(self.url, application_name="benchmark") as connection,
            connection.cursor().copy(
                "copy (select * from raw.events) to stdout (format csv)"
            ) as copy,
        ):
            return b"".join(bytes(piece) for piece in copy)

    def ratio(self, name: str, row_count: int) -> None:
        """Load what was laid down, then COPY the same rows; print the ratio."""
        self.execute("truncate raw.events")
        self.execute("checkpoint")
        load = measured(self.load)
        (stored,) = self.execute("select count(*) from raw.events")[0]
        if stored != row_count:
            msg = f"{name}: {stored} of {row_count} rows were loaded"
            raise RuntimeError(msg)
        csv = self.events_as_csv()
        bare = sorted(self.bare_copy(csv).seconds for _ in range(3))[1]
        print(
            f"{name:22} {row_count / load.seconds:>9,.0f} rows/s"
            f"   bare COPY {row_count / bare:>9,.0f} rows/s"
            f"   ratio {bare / load.seconds:.2f}   memory {load.mebibytes:,.0f} MiB"
        )


def small_files(bench: Bench, *, file_count: int, file_rows: int) -> None:
    """Compare many small files with one file of the same rows."""
    made = list(events(2 * file_count * file_rows, seed=7))
    half = len(made) // 2
    write_ndjson(bench.landing / "web/one.ndjson", made[:half])
    one = measured(bench.load)
    for number in range(file_count):
        at = half + number * file_rows
        write_ndjson(
            bench.landing / f"web/small/{number}.ndjson", made[at : at + file_rows]
        )
    many = measured(bench.load).seconds
    print(
        f"{file_count:,} files of {file_rows} rows: {many:.1f} s,"
        f" one file of {half:,}: {one.seconds:.1f} s"
        f"   ratio {many / one.seconds:.2f}   memory {one.mebibytes:,.0f} MiB"
    )
    again = measured(bench.load).seconds
    print(f"a scan with nothing new: {again:.2f} s")


def pandas_peer(bench: Bench, *, row_count: int = 100_000) -> None:
    """Compare with pandas.to_sql of the same events, without any of our checks."""
    import pandas as pd  # noqa: PLC0415
    import sqlalchemy as sa  # noqa: PLC0415

    write_ndjson(bench.landing / "web/peer.ndjson", list(events(row_count, seed=3)))
    ours = measured(bench.load).seconds

    def peer() -> None:
        frame = pd.DataFrame(events(row_count, seed=3))
        frame["properties"] = frame["properties"].map(json.dumps)
        url = bench.url.replace("postgresql://", "postgresql+psycopg://", 1)
        with sa.create_engine(url).begin() as connection:
            frame.to_sql("peer", connection, if_exists="replace", index=False)

    theirs = measured(peer).seconds
    print(f"pandas.to_sql of {row_count:,} events: {theirs / ours:.1f} x our time")


def repeated(bench: Bench, *, row_count: int = 50_000) -> None:
    """Deliver events again: as they were, then received earlier, so that all change."""
    made = list(events(row_count, seed=4))
    for name, received in (("new", 2), ("again", 3), ("better", 1)):
        for event in made:
            sent = datetime.fromisoformat(str(event["sent_at"]))
            event["received_at"] = (sent + timedelta(seconds=received)).isoformat()
        write_ndjson(bench.landing / f"web/{name}.ndjson", made)
        seconds = measured(bench.load).seconds
        print(f"{row_count:,} events, {name}: {row_count / seconds:,.0f} rows/s")


def purge(bench: Bench) -> None:
    """Purge a day of few rows and one of a hundred times as many."""
    seconds = []
    for day, row_count in ((date(2025, 3, 1), 3_000), (date(2025, 3, 2), 300_000)):
        create_partitions(bench.url, [day])
        bench.execute(
            "insert into raw.events"
            " select made.* from (select * from raw.events limit 1) as events,"
            " jsonb_populate_record(null::raw.events, to_jsonb(events) ||"
            " jsonb_build_object('occurred_on', %s::date)) as made,"
            " generate_series(1, %s)",
            day,
            row_count,
        )
        began = time.perf_counter()
        purge_day(bench.url, day, reason="benchmark")
        seconds.append(time.perf_counter() - began)
    print(
        f"purge of 3,000 rows {seconds[0] * 1000:.0f} ms, of 300,000"
        f" {seconds[1] * 1000:.0f} ms   ratio {seconds[1] / seconds[0]:.2f}"
    )


def main() -> None:
    """Run the benchmark that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--present", type=int, default=10_000_000)
    parser.add_argument("--files", type=int, default=10_000)
    asked = parser.parse_args()
    with bench_settings() as settings:
        bench = Bench(settings)
        for name in SETTINGS_SHOWN:
            (value,) = bench.execute(f"show {name}")[0]
            print(f"{name} = {value}")
        bench.fill_keys(asked.present)
        print(f"{asked.present:,} keys present, {os.cpu_count()} cores")
        for kind, seed, write in (
            ("ndjson", 1, write_ndjson),
            ("parquet", 2, write_parquet),
        ):
            made = list(events(asked.rows, seed=seed))
            write(bench.landing / f"web/events.{kind}", made)
            del made
            bench.ratio(kind, asked.rows)
        repeated(bench)
        pandas_peer(bench)
        purge(bench)
        if asked.files:
            small_files(bench, file_count=asked.files, file_rows=100)


if __name__ == "__main__":
    main()
