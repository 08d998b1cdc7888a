r"""What the statistics of experiments cost: whole columns beside one at a time.

    python -m benchmarks.experiments [--comparisons 10000] [--scalar 200] \
        [--gbstats PYTHON]

Prints seconds of computation for all comparisons at once, and how many times faster
that is than calling the same functions for one comparison after another; with the
Python of an environment that has gbstats, how many times faster than that too, on the
same counts. gbstats pins numpy below 2, so it cannot live in ours.
"""

import argparse
import json
import subprocess
import time

import numpy as np

from orchestration.experiments.arms import Arm, Comparison, Measured, Terms
from orchestration.experiments.estimates import estimate
from orchestration.experiments.means import Sample, compare_means


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


# For the same counts, the t-test of gbstats and, as its runner can, the sequential one.
_PEER = """
import json, sys, time
from gbstats.frequentist.tests import (
    FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest,
)
from gbstats.models.statistics import ProportionStatistic

counts = json.load(sys.stdin)
for test, config in (
    (TwoSidedTTest, FrequentistConfig(difference_type="absolute")),
    (SequentialTwoSidedTTest, SequentialConfig(difference_type="absolute")),
):
    def compare(one, converted, other, converted_too):
        return test(
            ProportionStatistic(n=one, sum=converted),
            ProportionStatistic(n=other, sum=converted_too),
            config,
        ).compute_result()
    compare(*counts[0])
    began = time.process_time()
    for each in counts:
        compare(*each)
    print(time.process_time() - began)
"""


def welch_seconds(comparisons: list[Comparison]) -> float:
    """Return the processor time of the t-test that gbstats makes of counts."""
    rows = [(*each.control[1:3], *each.treatment[1:3]) for each in comparisons]
    columns = np.array(rows, dtype=float).T
    began = time.process_time()
    arms = []
    for units, converted in (columns[:2], columns[2:]):
        rate = converted / units
        arms.append(Sample(units, rate, rate * (1 - rate)))
    compare_means(control=arms[0], treatment=arms[1])
    return time.process_time() - began


def peer_seconds(python: str, comparisons: list[Comparison]) -> list[float]:
    """Return the processor time that tests of gbstats take for the same counts."""
    counts = [[*each.control[1:3], *each.treatment[1:3]] for each in comparisons]
    made = subprocess.run(
        [python, "-c", _PEER],
        input=json.dumps(counts),
        capture_output=True,
        text=True,
        check=True,
    )
    return [float(line) for line in made.stdout.split()]


def main() -> None:
    """Measure both in one run, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=10_000)
    parser.add_argument("--scalar", type=int, default=200)
    parser.add_argument("--gbstats", metavar="PYTHON")
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
    if arguments.gbstats:
        once, looks = peer_seconds(arguments.gbstats, comparisons)
        welch = min(welch_seconds(comparisons) for _ in range(5))
        print(f"gbstats' t-test: {once / len(comparisons) * 1e6:.0f} µs each")
        print(f"ratio for the same t-test: {once / welch:.0f}")
        both = (once + looks) / together
        print(f"ratio of both its tests to all that a result has: {both:.1f}")


if __name__ == "__main__":
    main()
