"""The invariants of SEMANTICS 2.6 hold of the reference, each in its scope."""

import random
from dataclasses import replace

import pytest

from tests.warehouse.funnel_reference.answers import Question, answer
from tests.warehouse.funnel_reference.attempts import candidates, outcomes, sequence
from tests.warehouse.funnel_reference.counting import broken_down, step_counts
from tests.warehouse.funnel_reference.definitions import Breakdown
from tests.warehouse.funnel_reference.drawing import (
    draw_funnels,
    draw_history,
    instant,
    with_sessions,
)
from tests.warehouse.funnel_reference.laws import (
    grows_no_counts,
    is_settled,
    may_only_gain,
    truncated,
    with_earlier_entry,
)
from tests.warehouse.funnel_reference.rules import Rules

pytestmark = pytest.mark.thorough

MIDDLE = instant(12)
LONG_AFTER = instant(1_000)


@pytest.fixture(scope="module")
def worlds():
    chance = random.Random(9)
    units = [f"u{number}" for number in range(12)]
    return [
        (funnel, {unit: draw_history(chance, unit) for unit in units})
        for funnel in draw_funnels(chance)
    ]


def together(histories):
    return with_sessions(row for rows in histories.values() for row in rows)


def test_the_order_of_the_rows_changes_nothing(worlds):
    chance = random.Random(10)
    for funnel, histories in worlds:
        rows = together(histories)
        shuffled = chance.sample(rows, len(rows))
        question = Question(funnel, MIDDLE)
        assert answer(question, shuffled, Rules()) == answer(question, rows, Rules())


def test_counts_never_increase_along_required_steps(worlds):
    for funnel, histories in worlds:
        found = outcomes(together(histories), funnel, watermark=MIDDLE)
        assert grows_no_counts(step_counts(found, funnel), funnel)


def test_an_earlier_first_step_never_loses_a_conversion(worlds):
    tried = 0
    for funnel, histories in worlds:
        event = funnel.steps[0].alternatives[0].event
        unbounded = replace(funnel, entry_from=None, entry_to=None, clips=False)
        for unit, rows in histories.items():
            if may_only_gain(funnel) and outcomes(rows, unbounded, watermark=MIDDLE):
                more = with_earlier_entry(rows, event, unit=f"{unit}+")
                assert deepest(more, unbounded) >= deepest(rows, unbounded)
                tried += 1
    assert tried > 100


def deepest(rows, funnel):
    [outcome] = outcomes(rows, funnel, watermark=LONG_AFTER)
    return outcome.attempt.depth


def test_slices_by_the_first_step_add_up_to_the_whole(worlds):
    for funnel, histories in worlds:
        by = Breakdown("colour", "first", top=1)
        found = outcomes(
            together(histories), replace(funnel, breakdown=by), watermark=MIDDLE
        )
        slices = broken_down(found, funnel, by).values()
        if slices:
            sums = [
                sum(counts) for counts in zip(*(s.counts for s in slices), strict=True)
            ]
            assert sums == step_counts(found, funnel)


def test_what_happens_after_a_window_changes_nothing_in_it(worlds):
    for funnel, histories in worlds:
        find = sequence if funnel.counting == "totals" else candidates
        for unit, rows in histories.items():
            if is_settled(funnel):
                now = [
                    each.path
                    for each in find(truncated(rows, MIDDLE, unit=unit), funnel)
                    if each.window_ends_at < MIDDLE
                ]
                later = [
                    each.path
                    for each in find(rows, funnel)
                    if each.window_ends_at < MIDDLE
                ]
                assert now == later
