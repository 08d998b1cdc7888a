"""Which variant a unit gets: one answer for clients, batches and audits."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BUCKETS = 10_000
_FNV_OFFSET = 0x811C9DC5
_FNV_PRIME = 0x01000193


def bucket_places(seed: str, units: Sequence[str]) -> NDArray[np.float64]:
    """Return each unit's place in [0, 1), one of 10,000, by GrowthBook's second hash.

    FNV-1a of 32 bits, applied to seed and unit and then to the digits of the result:
    applied once, places of one unit under different seeds are correlated [1]_.

    References
    ----------
    .. [1] docs.growthbook.io, "Build your own SDK", hashing, version 2.

    Examples
    --------
    >>> bucket_places("seed", ["a", "b"]).tolist()
    [0.0505, 0.2696]
    """
    encoded = [unit.encode() for unit in units]
    lengths = np.array([len(each) for each in encoded], dtype=np.int64)
    width = int(lengths.max(initial=0))
    first = np.full(len(encoded), _FNV_OFFSET, dtype=np.uint64)
    for letter in seed.encode():
        first = _step(first, np.uint64(letter))
    if width:
        padded = b"".join(each.ljust(width, b"\0") for each in encoded)
        table = np.frombuffer(padded, dtype=np.uint8).reshape(-1, width)
        for column, letters in enumerate(table.T):
            stepped = _step(first, letters.astype(np.uint64))
            first = np.where(column < lengths, stepped, first)
    second = np.full(len(encoded), _FNV_OFFSET, dtype=np.uint64)
    for power in range(9, -1, -1):
        scaled = first // np.uint64(10**power)
        digit = scaled % np.uint64(10) + np.uint64(ord("0"))
        # Leading zeros are not written, except the last digit of 0 itself.
        second = np.where((scaled > 0) | (power == 0), _step(second, digit), second)
    return (second % np.uint64(BUCKETS)) / BUCKETS


def assign_arms(
    experiment_id: str, units: Sequence[str], *, weights: Sequence[float]
) -> NDArray[np.int64]:
    """Return the index of the arm of each unit: its place among the shares of the arms.

    Parameters
    ----------
    units : sequence of str
        What is assigned by: user ids, or device ids.
    weights : sequence of float
        Shares of the arms, in their order and in any unit.

    Raises
    ------
    ValueError
        If a weight is negative, or none is above zero.

    Examples
    --------
    >>> assign_arms("seed", ["a", "b"], weights=[1, 9]).tolist()
    [0, 1]
    """
    declared = np.asarray(weights, dtype=float)
    if np.any(~(declared >= 0)) or not declared.sum() > 0:
        msg = "weights must not be negative, and one must be above 0"
        raise ValueError(msg)
    ends = np.round(declared.cumsum() / declared.sum() * BUCKETS)
    places = np.round(bucket_places(experiment_id, units) * BUCKETS)
    return np.searchsorted(ends, places, side="right")


def _step(
    value: NDArray[np.uint64], byte: NDArray[np.uint64] | np.uint64
) -> NDArray[np.uint64]:
    return ((value ^ byte) * np.uint64(_FNV_PRIME)) & np.uint64(0xFFFFFFFF)
