"""A simulated world, delivered night by night, ends as its truth says."""

import pytest

from tests.end_to_end import against_truth


@pytest.mark.parametrize(
    "check", against_truth.CHECKS, ids=lambda check: check.__name__
)
def test_simulated_world_equals_its_truth(check, story):
    check(story)
