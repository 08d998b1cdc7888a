"""The pace of a long load, said now and then and never for every chunk."""

import time
from collections.abc import Callable

EVERY_SECONDS = 5.0


class Pace:
    """Says how far a load is, at most every few seconds.

    Parameters
    ----------
    say : callable
        Told one line, which names a file and no value of it.
    """

    def __init__(
        self,
        say: Callable[[str], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._clock = clock
        self._said_at = clock()

    def __call__(self, name: str, byte_count: int, record_count: int) -> None:
        """Take note of how much of a file was read."""
        now = self._clock()
        if now - self._said_at >= EVERY_SECONDS:
            self._said_at = now
            self._say(f"{name}: {record_count:,} records, {byte_count >> 20:,} MB read")
