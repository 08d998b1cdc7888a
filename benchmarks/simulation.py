"""How fast the simulated marketplace makes its events, files and truth.

    python -m benchmarks.simulation [--persons 20000]

By processor time, which other work beside it changes least.
"""

import argparse
import tempfile
import time
from pathlib import Path

from orchestration.simulation.marketplace import simulate
from orchestration.simulation.world import World


def events_a_second(persons: int) -> float:
    """Simulate three days, once to warm up, and return events per processor second."""
    rate = 0.0
    for count in (1_000, persons):
        with tempfile.TemporaryDirectory(prefix="daybook-bench-") as folder:
            began = time.process_time()
            made = simulate(
                World(persons=count, days=3, activity=0.6), Path(folder), None
            )
            rate = made.record_count / (time.process_time() - began)
    return rate


def main() -> None:
    """Run the benchmark that the command line describes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=20_000)
    rate = events_a_second(parser.parse_args().persons)
    print(f"simulation: {rate:,.0f} events per second of processor, at least 200,000")


if __name__ == "__main__":
    main()
