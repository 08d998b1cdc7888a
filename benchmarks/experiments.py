"""What the statistics of experiments cost: whole columns beside one at a time.

    python -m benchmarks.experiments [--comparisons 10000] [--scalar 200]

Prints seconds of computation for all comparisons at once, and how many times faster
that is than calling the same functions for one comparison after another.
"""

import argparse
import time

import numpy as np

from orchestration.experiments.analysis import estimate
from orchestration.experiments.counts import Arm, Comparison, Measured, Terms


def drawn(count: int) -> list[Comparison]:
    """Draw comparisons of usual size: four metrics an experiment, no floor missed."""
    random = np.random.default_rng(6)
    units = random.integers(1_000, 200_000, (count, 2))
    conversions = random.binomial(units, random.uniform(0.02, 0.6, (count, 1)))
    return [
        Comparison(
            f"experiment_{place // 4}",
            Measured(f"metric_{place % 4}"),
            Arm("control", int(counted[0]), int(converted[0]), 0),
            Arm("treatment", int(counted[1]), int(converted[1]), 0),
            Terms(),
        )
        for place, (counted, converted) in enumerate(
            zip(units, conversions, strict=True)
        )
    ]


def main() -> None:
    """Measure both in one run, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=10_000)
    parser.add_argument("--scalar", type=int, default=200)
    arguments = parser.parse_args()
    comparisons = drawn(arguments.comparisons)
    estimate(comparisons[:10])
    began = time.process_time()
    estimate(comparisons)
    together = time.process_time() - began
    began = time.process_time()
    for comparison in comparisons[: arguments.scalar]:
        estimate([comparison])
    each = (time.process_time() - began) / min(arguments.scalar, len(comparisons))
    print(f"{len(comparisons)} comparisons at once: {together:.3f} s of computation")
    print(f"one at a time: {each * 1e6:.0f} µs each")
    print(f"ratio: {each * len(comparisons) / together:.0f}")


if __name__ == "__main__":
    main()
