"""How loading compares with the tools that one would otherwise use.

    python -m benchmarks.load_peers [--rows 100000] [--dlt path/of/a/python/with/dlt]

dlt wants an environment of its own: `python -m venv dlt`, and there `pip install
dlt[postgres]`. Neither peer validates, counts or sets aside; dlt merges by event id.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from benchmarks.loading import Bench, bench_settings, events, measured, write_ndjson

# Run by the interpreter that has dlt: file, host, port, user and database. It makes
# an address of them, into which a socket's folder only fits quoted.
_DLT = """
import json, sys, tempfile, time
from urllib.parse import quote
import dlt

path, host, port, user, database = sys.argv[1:]

def lines():
    with open(path) as file:
        for line in file:
            event = json.loads(line)
            event["properties"] = json.dumps(event["properties"])
            yield event

with tempfile.TemporaryDirectory() as home:
    pipeline = dlt.pipeline(
        "peer",
        pipelines_dir=home,
        dataset_name="dlt_peer",
        destination=dlt.destinations.postgres(
            {
                "host": quote(host, safe=""),
                "port": int(port),
                "username": user,
                "password": "-",
                "database": database,
            }
        ),
    )
    began = time.perf_counter()
    pipeline.run(
        dlt.resource(
            lines, name="events", write_disposition="merge", primary_key="event_id"
        )
    )
    print(time.perf_counter() - began)
"""


def by_pandas(bench: Bench, path: Path) -> float:
    """Return the seconds of pandas.to_sql from the same file, without our checks."""
    import pandas as pd  # noqa: PLC0415
    import sqlalchemy as sa  # noqa: PLC0415

    def peer() -> None:
        frame = pd.read_json(path, lines=True, dtype=False)
        frame["properties"] = frame["properties"].map(json.dumps)
        url = bench.url.replace("postgresql://", "postgresql+psycopg://", 1)
        with sa.create_engine(url).begin() as connection:
            frame.to_sql("peer", connection, if_exists="replace", index=False)

    return measured(peer).seconds


def by_dlt(bench: Bench, path: Path, python: str) -> float:
    """Return the seconds of dlt with merge, its start and imports left out."""
    to = conninfo_to_dict(bench.url)
    where = [str(to[name]) for name in ("host", "port", "user", "dbname")]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [python, "-c", _DLT, str(path), *where],
            capture_output=True,
            check=False,
            text=True,
            cwd=home,
        )
    if done.returncode:
        raise RuntimeError(done.stderr[-2_000:])
    return float(done.stdout.split()[-1])


def main() -> None:
    """Run the benchmark that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dlt", help="a Python that has dlt")
    asked = parser.parse_args()
    with bench_settings() as settings:
        bench = Bench(settings)
        bench.show_settings()
        path = bench.landing / "web/peer.ndjson"
        write_ndjson(path, list(events(asked.rows, seed=3)))
        ours = measured(bench.load).seconds
        print(f"{asked.rows:,} events: {ours:.1f} s, {asked.rows / ours:,.0f} rows/s")
        theirs = by_pandas(bench, path)
        print(f"pandas.to_sql: {theirs / ours:.1f} x our time")
        if asked.dlt is None:
            print("dlt with merge: not measured, no Python with dlt was given (--dlt)")
            return
        theirs = by_dlt(bench, path, asked.dlt)
        [(stored,)] = bench.execute("select count(*) from dlt_peer.events")
        print(f"dlt with merge: {theirs / ours:.1f} x our time, {stored:,} rows")


if __name__ == "__main__":
    main()
