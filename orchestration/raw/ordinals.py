"""Ordinals of identical records of one file, in eight bytes a record."""

from collections.abc import Sequence

import numpy as np

_Hashes = np.ndarray


class Ordinals:
    """Counts how often each content was seen before in a file.

    A dictionary of every content would take a hundred bytes a row. Sorted runs of
    hashes take eight; runs of like size are merged, so that there are few.
    """

    def __init__(self) -> None:
        self._runs: list[_Hashes] = []

    def number(self, hashes: Sequence[int]) -> list[int]:
        """Return for each content how many identical ones came before it."""
        if not hashes:
            return []
        chunk = np.array(hashes, dtype=np.int64)
        before = np.zeros(len(chunk), dtype=np.int64)
        for run in self._runs:
            before += np.searchsorted(run, chunk, side="right")
            before -= np.searchsorted(run, chunk, side="left")
        order = np.argsort(chunk, kind="stable")
        ordered = chunk[order]
        first = np.searchsorted(ordered, ordered, side="left")
        before[order] += np.arange(len(chunk)) - first
        self._add(ordered)
        return before.tolist()

    def _add(self, run: _Hashes) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")
        self._runs.append(run)
