"""What benchmarks of loading share: made events, a warehouse of its own, a clock."""

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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, cast

from orchestration.raw.loading import load_landing
from orchestration.raw.reports import LoadReport
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse.connection import connect
from orchestration.warehouse.embedded import embedded_server
from orchestration.warehouse.migrations import migrate

if TYPE_CHECKING:
    import pyarrow as pa

FIRST_DAY = datetime(2026, 1, 5, tzinfo=UTC)
NOW = datetime(2026, 1, 20, tzinfo=UTC)
_SETTINGS_SHOWN = (
    "server_version",
    "shared_buffers",
    "max_wal_size",
    "wal_compression",
    "synchronous_commit",
    "fsync",
    "full_page_writes",
    "wal_level",
)

_OTHERS = (
    "select 1 from pg_stat_activity"
    " where backend_type = 'client backend' and pid <> pg_backend_pid()"
)

_FORKS = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Measured:
    """What a piece of work took, in a process of its own."""

    seconds: float
    mebibytes: float
    processor_seconds: float


def events(count: int, *, seed: int) -> Iterator[dict[str, object]]:
    """Yield typical events of four days, one in a hundred with a fault."""
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
        if number % 100 == 0:
            # What no contract knows is judged property by property, and flagged.
            properties = cast("dict[str, object]", event["properties"])
            event["properties"] = {**properties, "unplanned": number}
        yield event


def write_ndjson(path: Path, made: list[dict[str, object]]) -> None:
    """Write events as NDJSON, long finished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in made))
    os.utime(path, (FIRST_DAY.timestamp(), FIRST_DAY.timestamp()))


def write_parquet(path: Path, made: list[dict[str, object]]) -> None:
    """Write events as Parquet, properties as JSON text."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(as_table(made), path)
    os.utime(path, (FIRST_DAY.timestamp(), FIRST_DAY.timestamp()))


def as_table(made: list[dict[str, object]]) -> "pa.Table":
    """Return events as columns of their types, properties as JSON text."""
    import pyarrow as pa  # noqa: PLC0415

    rows = [{**event, "properties": json.dumps(event["properties"])} for event in made]
    for event in rows:
        for name in ("occurred_at", "sent_at", "received_at"):
            event[name] = datetime.fromisoformat(str(event[name]))
        event.setdefault("user_id", None)
    return pa.Table.from_pylist(rows)


def measured(work: Callable[[], object]) -> Measured:
    """Run work in a copy of this process, so that its memory is its own."""
    receiving, sending = _FORKS.Pipe(duplex=False)

    def run() -> None:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_SELF)
        processor = used.ru_utime + used.ru_stime
        sending.send(Measured(seconds, used.ru_maxrss / 1024, processor))

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
            cursor = connection.execute(
                cast("LiteralString", statement), values or None
            )
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

    def show_settings(self) -> None:
        """Print the settings of the server that ratios depend on."""
        for name in _SETTINGS_SHOWN:
            (value,) = self.execute(f"show {name}")[0]
            print(f"{name} = {value}")

    def server_seconds(self) -> float:
        """Return the processor time of the server's processes that ended, on Linux.

        Those of a load end a moment after their connections.
        """
        while self.execute(_OTHERS):
            time.sleep(0.05)
        time.sleep(0.1)
        (folder,) = self.execute("show data_directory")[0]
        pid = Path(folder, "postmaster.pid").read_text().split()[0]
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")

    def load(self) -> LoadReport:
        """Load what is new."""
        return load_landing(self.url, settings=self.settings, now=NOW)
