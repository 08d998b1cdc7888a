r"""What the statistics of experiments cost: whole columns beside one at a time.

    python -m benchmarks.experiments [--comparisons 10000] [--scalar 200] \
        [--gbstats PYTHON]

Prints seconds of computation for all comparisons at once, and how many times faster
that is than calling the same functions for one comparison after another; with the
Python of an environment that has gbstats, how many times faster than that too, on the
same counts. gbstats pins numpy below 2, so it cannot live in ours.

Like for like are its t-tests, fixed and sequential, and ours: differences, intervals
and p-values of the same counts. All that a result has is more: score intervals, the
z-test, Fisher's where counts are small, lift with its interval, a posterior, and the
reading of every count off an object.
"""

import argparse
import json
import subprocess
import time

import numpy as np

from orchestration.experiments.arms import Arm, Comparison, Measured, Terms
from orchestration.experiments.estimates import estimate
from orchestration.experiments.means import Sample, compare_means
from orchestration.experiments.sequences import confidence_sequence


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


def same_seconds(comparisons: list[Comparison]) -> tuple[float, float]:
    """Return the processor time of the two tests that gbstats makes of counts.

    Of its t-test with interval, and of both that and a sequential interval and p-value.
    """
    rows = [(*each.control[1:3], *each.treatment[1:3]) for each in comparisons]
    columns = np.array(rows, dtype=float).T
    began = time.process_time()
    arms = []
    for units, converted in (columns[:2], columns[2:]):
        rate = converted / units
        arms.append(Sample(units, rate, rate * (1 - rate)))
    found = compare_means(control=arms[0], treatment=arms[1])
    once = time.process_time() - began
    confidence_sequence(
        difference=found.difference,
        variance=found.control_variance + found.treatment_variance,
        units=arms[0].units + arms[1].units,
    )
    return once, time.process_time() - began


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
        taken = [same_seconds(comparisons) for _ in range(5)]
        count = len(comparisons)
        print(f"gbstats' t-test: {once / count * 1e6:.0f} µs each")
        print(f"gbstats' sequential t-test: {looks / count * 1e6:.0f} µs each")
        print("like for like, from counts to intervals and p-values in columns:")
        print(f"  the t-test: {once / min(each[0] for each in taken):.0f} times")
        both = (once + looks) / min(each[1] for each in taken)
        print(f"  the t-test and a sequence: {both:.0f} times")
        more = (once + looks) / together
        print(f"both its tests to all that a result has, read off objects: {more:.0f}")


if __name__ == "__main__":
    main()
