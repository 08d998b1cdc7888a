"""What loading costs beside a bare COPY of the same rows.

    python -m benchmarks.load [--rows 300000] [--present 10000000]

Prints ratios: only they can be compared between machines.
"""

import argparse
import os
import time
from datetime import date, datetime, timedelta

from benchmarks.loading import (
    Bench,
    Measured,
    bench_settings,
    events,
    measured,
    write_ndjson,
    write_parquet,
)
from orchestration.raw.partitions import create_partitions
from orchestration.raw.retention import purge_day
from orchestration.warehouse.connection import connect

# COPY is given pieces of the size that psycopg's own documentation advises.
_PIECE = 1 << 18


def bare_copy(bench: Bench, csv: bytes) -> Measured:
    """COPY prepared CSV through the client into the same partitions."""

    def work() -> None:
        with connect(bench.url, application_name="benchmark") as connection:
            statement = "copy raw.events from stdin (format csv)"
            with connection.cursor().copy(statement) as copy:
                for at in range(0, len(csv), _PIECE):
                    copy.write(csv[at : at + _PIECE])

    bench.execute("truncate raw.events")
    bench.execute("checkpoint")
    return measured(work)


def events_as_csv(bench: Bench) -> bytes:
    """Return the rows of raw.events as the CSV that the bare COPY is given."""
    with (
        connect(bench.url, application_name="benchmark") as connection,
        connection.cursor().copy(
            "copy (select * from raw.events) to stdout (format csv)"
        ) as copy,
    ):
        return b"".join(bytes(piece) for piece in copy)


def ratio(bench: Bench, name: str, row_count: int) -> None:
    """Load what was laid down, then COPY the same rows; print the ratio."""
    bench.execute("truncate raw.events")
    bench.execute("checkpoint")
    before = bench.server_seconds()
    load = measured(bench.load)
    server_seconds = bench.server_seconds() - before
    (stored,) = bench.execute("select count(*) from raw.events")[0]
    if stored != row_count:
        msg = f"{name}: {stored} of {row_count} rows were loaded"
        raise RuntimeError(msg)
    csv = events_as_csv(bench)
    before = bench.server_seconds()
    bare = sorted(bare_copy(bench, csv).seconds for _ in range(3))[1]
    bare_server_seconds = (bench.server_seconds() - before) / 3
    client, server, bare_server = (
        seconds / row_count * 1e6
        for seconds in (load.processor_seconds, server_seconds, bare_server_seconds)
    )
    print(
        f"{name:10} {row_count / load.seconds:>9,.0f} rows/s"
        f"   bare COPY {row_count / bare:>9,.0f} rows/s"
        f"   ratio {bare / load.seconds:.2f}"
        f"   processor, µs a row: loader {client:.1f}, its server {server:.1f},"
        f" server of the bare COPY {bare_server:.1f}"
    )


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
    asked = parser.parse_args()
    with bench_settings() as settings:
        bench = Bench(settings)
        bench.show_settings()
        bench.fill_keys(asked.present)
        print(f"{asked.present:,} keys present, {os.cpu_count()} cores")
        for kind, seed, write in (
            ("ndjson", 1, write_ndjson),
            ("parquet", 2, write_parquet),
        ):
            made = list(events(asked.rows, seed=seed))
            write(bench.landing / f"web/events.{kind}", made)
            del made
            ratio(bench, kind, asked.rows)
        repeated(bench)
        purge(bench)


if __name__ == "__main__":
    main()
