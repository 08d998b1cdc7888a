"""What failed for want of an answer is tried again, later each time."""

import random
from itertools import pairwise

from dagster._core.definitions import policy

from orchestration.resources import RETRIES


def test_each_retry_waits_longer_than_the_one_before(monkeypatch):
    attempts = range(1, RETRIES.max_retries + 1)
    assert len(attempts) >= 2
    for draw in (0.01, 0.5, 0.99):
        # The module holds the function itself: setting random.random reaches nobody.
        monkeypatch.setattr(policy, "random", lambda draw=draw: draw)
        delays = [RETRIES.calculate_delay(attempt) for attempt in attempts]
        assert all(1.5 * before < after for before, after in pairwise(delays))


def test_no_two_that_failed_together_come_back_together():
    random.seed(7)
    assert len({RETRIES.calculate_delay(1) for _ in range(100)}) == 100
