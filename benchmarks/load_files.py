"""Many small files beside one of the same rows, and the memory that large files take.

    python -m benchmarks.load_files [--files 10000] [--gigabytes 4]

The large files are made in the temporary folder, one at a time, and removed.
"""

import argparse
import json
import os
import random
from collections.abc import Callable
from pathlib import Path

from benchmarks.loading import (
    FIRST_DAY,
    Bench,
    bench_settings,
    events,
    measured,
    write_ndjson,
)

_BLOCK_ROWS = 100_000


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
        f"   ratio {many / one.seconds:.2f}"
    )
    again = measured(bench.load).seconds
    print(f"a scan with nothing new: {again:.2f} s")


def large_file(
    bench: Bench, name: str, write: Callable[[Path, int], int], size: int
) -> None:
    """Make a file of the events that take `size` bytes as NDJSON; load it, and tell."""
    path = bench.landing / f"web/large.{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    # In a process of its own, so that the loader does not inherit what it leaves.
    measured(lambda: write(path, size))
    on_disk = path.stat().st_size
    before = bench.execute("select count(*) from raw.events")[0][0]
    load = measured(bench.load)
    rows = bench.execute("select count(*) from raw.events")[0][0] - before
    path.unlink()
    bench.execute("truncate raw.events")
    print(
        f"{name} of {on_disk / 1e9:.1f} GB, {rows:,} rows: {load.seconds:.0f} s,"
        f" {rows / load.seconds:,.0f} rows/s, peak memory {load.mebibytes:,.0f} MiB"
    )


def write_large_ndjson(path: Path, size: int) -> None:
    """Write events until the file has `size` bytes."""
    generator = random.Random(11)
    made = list(events(_BLOCK_ROWS, seed=11))
    halves = [json.dumps(event).split(str(event["event_id"])) for event in made]
    with path.open("w") as file:
        while file.tell() < size:
            file.writelines(
                f"{before}{generator.randbytes(16).hex()}{after}\n"
                for before, after in halves
            )
    os.utime(path, (FIRST_DAY.timestamp(), FIRST_DAY.timestamp()))


def write_large_parquet(path: Path, size: int) -> None:
    """Write the events that take `size` bytes as NDJSON, properties as JSON text."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from benchmarks.loading import as_table  # noqa: PLC0415

    generator = random.Random(12)
    made = list(events(_BLOCK_ROWS, seed=12))
    block_bytes = sum(len(json.dumps(event)) + 1 for event in made)
    table = as_table(made)
    place = table.column_names.index("event_id")
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(-(-size // block_bytes)):
            ids = [generator.randbytes(16).hex() for _ in range(len(made))]
            writer.write_table(table.set_column(place, "event_id", pa.array(ids)))
    os.utime(path, (FIRST_DAY.timestamp(), FIRST_DAY.timestamp()))


def main() -> None:
    """Run the benchmark that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--gigabytes", type=float, default=0.5)
    asked = parser.parse_args()
    size = int(asked.gigabytes * 1e9)
    with bench_settings() as settings:
        bench = Bench(settings)
        bench.show_settings()
        large_file(bench, "ndjson", write_large_ndjson, size)
        large_file(bench, "parquet", write_large_parquet, size)
        if asked.files:
            small_files(bench, file_count=asked.files, file_rows=100)


if __name__ == "__main__":
    main()
