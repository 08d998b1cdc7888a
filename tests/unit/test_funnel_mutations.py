"""Every rule of SEMANTICS 2.6 shows in the histories that are drawn."""

import random
from functools import cache

import pytest

from tests.warehouse.funnel_reference.answers import Question, answer
from tests.warehouse.funnel_reference.drawing import (
    draw_funnels,
    draw_history,
    instant,
    with_sessions,
)
from tests.warehouse.funnel_reference.mutations import MUTATIONS
from tests.warehouse.funnel_reference.rules import Rules

pytestmark = pytest.mark.thorough

UNIT_COUNT = 30


@cache
def asked():
    """Return funnels with rows of some units, and what the specification answers."""
    chance = random.Random(26)
    found = []
    for funnel in draw_funnels(chance):
        question = Question(funnel, instant(chance.randrange(10, 40)))
        rows = with_sessions(
            row
            for unit in range(UNIT_COUNT)
            for row in draw_history(chance, f"u{unit}")
        )
        found.append((question, rows, answer(question, rows, Rules())))
    return found


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_changed_rule_changes_an_answer(mutation):
    assert any(
        answer(question, rows, mutation()) != expected
        for question, rows, expected in asked()
    ), mutation.__doc__
