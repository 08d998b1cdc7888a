# ruff: noqa: ARG002 -- a broken rule looks at less than the rule does
"""SEMANTICS 2.6 with one rule changed at a time, its clause beside it.

A generator that cannot tell one of these from the specification tests nothing of the
rule; the test of mutations finds every one of them.
"""

from dataclasses import replace

from tests.warehouse.funnel_reference.path_mutations import PATH_MUTATIONS
from tests.warehouse.funnel_reference.rules import LEFT, Rules


class FirstEntryAlone(Rules):
    """Every step-1 row is a candidate; the unit counts by its deepest."""

    def best(self, found):
        return min(found, key=lambda each: each.start.position)


class LatestOfTheDeepest(Rules):
    """... then the earliest."""

    def best(self, found):
        return min(reversed(found), key=lambda each: -each.depth)


class ReentryNeverRestarts(Rules):
    """A step-1 row inside an open attempt restarts it (`reentry: latest`)."""

    def restarts(self, funnel):
        return False


class ReentryAlwaysRestarts(Rules):
    """A step-1 row inside an open attempt is ignored (`reentry: first`)."""

    def restarts(self, funnel):
        return True


class ClosedByExpiryAlone(Rules):
    """An attempt closes by completion, expiry or exclusion."""

    def is_closed_before(self, attempt, row):
        return row.occurred_at > attempt.window_ends_at


class OptionalKeepsItOpen(Rules):
    """Optional steps do not gate: an attempt is complete without them."""

    def is_closed_before(self, attempt, row):
        if attempt.is_complete:
            return row.position > max(visit.row.position for visit in attempt.path)
        return super().is_closed_before(attempt, row)


class NeverClosedByExclusion(Rules):
    """... or exclusion."""

    def is_closed_before(self, attempt, row):
        if not attempt.is_complete:
            return row.occurred_at > attempt.window_ends_at
        return super().is_closed_before(attempt, row)


class OpensWhileOpen(Rules):
    """One opens at a step-1 row when none is open."""

    def is_closed_before(self, attempt, row):
        return row.position > attempt.start.position


class PathsAcrossSessions(Rules):
    """Sessions: candidates and path inside one session."""

    def session_of(self, row, funnel):
        return (None,)


class UnitsNeverLeave(Rules):
    """`drop_unit`: the person leaves the whole funnel."""

    def drops_unit(self, exclusion):
        return False


class UnitsAlwaysLeave(Rules):
    """`end_attempt` is the default."""

    def drops_unit(self, exclusion):
        return True


class LeavesOneSession(Rules):
    """... leaves the whole funnel, not the session in which it happened alone."""

    def leaver(self, key):
        return key


class NothingExcluded(Rules):
    """Else `excluded` if an exclusion ended the deepest candidate."""

    def state(self, best, *, is_open):
        found = super().state(best, is_open=is_open)
        return "dropped" if found == "excluded" else found


class ExcludedBeforeInProgress(Rules):
    """Else `in_progress`, and only then `excluded`."""

    def state(self, best, *, is_open):
        return super().state(best, is_open=is_open and best.ended_by is None)


class InProgressBeforeCompleted(Rules):
    """`completed`; else ..."""

    def state(self, best, *, is_open):
        return "in_progress" if is_open else super().state(best, is_open=is_open)


class NothingInProgress(Rules):
    """`in_progress` if the window of any candidate is still open."""

    def state(self, best, *, is_open):
        return super().state(best, is_open=False)


class OverAtItsEnd(Rules):
    """A window that includes its end is not over before that instant is complete."""

    def is_open(self, window_ends_at, watermark):
        return window_ends_at > watermark


class EarlyCompletersCounted(Rules):
    """Completed but immature attempts appear only in the all-entrants rate."""

    def is_in_headline(self, state, *, is_mature):
        return state == "completed" or super().is_in_headline(
            state, is_mature=is_mature
        )


class ExcludedOutOfTheHeadline(Rules):
    """Completed ÷ (completed + dropped + excluded by `end_attempt`)."""

    def is_in_headline(self, state, *, is_mature):
        return state != "excluded" and super().is_in_headline(
            state, is_mature=is_mature
        )


class LeftInTheHeadline(Rules):
    """`drop_unit` units leave both sides and are counted."""

    def is_in_headline(self, state, *, is_mature):
        return is_mature


class ImmatureTimesCounted(Rules):
    """Times to convert: mature attempts only."""

    def is_timed(self, state, *, is_mature):
        return state != LEFT


class DaysOfAllCandidates(Rules):
    """A unit counts once per entry day from that day's candidates."""

    def is_of_day(self, attempt, entered_on):
        return True


class BreakdownAtTheFirst(Rules):
    """Value at step 1, at last step, at a named step, or all steps equal."""

    def value_of(self, attempt, by):
        return super().value_of(attempt, replace(by, at="first"))


class BreakdownOfTheLast(Rules):
    """Value at step 1 is the default."""

    def value_of(self, attempt, by):
        return attempt.path[-1].row.properties.get(by.property)


class EveryValueKept(Rules):
    """The tail beyond N values is folded."""

    def keeps(self, place, by):
        return True


# Those of paths are among them: their module is imported above.
MUTATIONS = tuple(Rules.__subclasses__())
assert set(PATH_MUTATIONS) < set(MUTATIONS)
