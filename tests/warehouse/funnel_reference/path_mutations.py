# ruff: noqa: ARG002 -- a broken rule looks at less than the rule does
"""SEMANTICS 2.6 on paths with one rule changed at a time, its clause beside it."""

from dataclasses import replace
from datetime import timedelta

from tests.warehouse.funnel_reference.rules import Rules


class OnlyTheFirstAlternative(Rules):
    """A step may accept several alternatives."""

    def is_any(self, row, alternatives):
        return super().is_any(row, alternatives[:1])


class ConditionsIgnored(Rules):
    """Event type plus property conditions."""

    def is_any(self, row, alternatives):
        return any(row.event == each.event for each in alternatives)


class ARowForEveryStep(Rules):
    """A row satisfies at most one step of an attempt."""

    def is_unused(self, row, path):
        return True


class NoOrderAtAll(Rules):
    """`ordered`: steps in order."""

    def is_in_order(self, row, path, funnel):
        return True


class OrderOfNeighboursOnly(Rules):
    """Ties do not block each other, but every pair keeps what order is known."""

    def is_in_order(self, row, path, funnel):
        return super().is_in_order(row, path[-1:], funnel)


class TiesBlock(Rules):
    """Rows of one instant do not block each other."""

    def is_interchangeable(self, one, other, funnel):
        return False


class SequencesIgnored(Rules):
    """... and no common source sequence."""

    def is_interchangeable(self, one, other, funnel):
        return abs(one.occurred_at - other.occurred_at) <= funnel.tolerance


class SequencesOfAnySource(Rules):
    """No *common* source sequence: those of two sources tell nothing."""

    def is_interchangeable(self, one, other, funnel):
        return super().is_interchangeable(
            replace(one, source=""), replace(other, source=""), funnel
        )


class ToleranceIgnored(Rules):
    """A simultaneity tolerance beyond equality exists."""

    def is_interchangeable(self, one, other, funnel):
        return super().is_interchangeable(
            one, other, replace(funnel, tolerance=timedelta(0))
        )


class StrictAsOrdered(Rules):
    """`strict`: no other event of the declared scope between two steps."""

    def is_uninterrupted(self, path, rows, funnel):
        return True


class ScopeAlwaysAll(Rules):
    """Scope defaults to the union of step events."""

    def is_in_scope(self, row, funnel):
        return True


class ScopeNeverAll(Rules):
    """PostHog's strict mode means literally nothing, offered as scope = all."""

    def is_in_scope(self, row, funnel):
        return super().is_in_scope(row, replace(funnel, scope="steps"))


class NoiseIgnored(Rules):
    """... plus listed noise."""

    def is_in_scope(self, row, funnel):
        return super().is_in_scope(row, replace(funnel, noise=()))


class StrictUpToTies(Rules):
    """Ties do not block each other, in strict order either."""

    def is_between(self, row, one, other, funnel):
        return (
            one.occurred_at <= row.occurred_at <= other.occurred_at
            and row not in {one, other}
            if funnel.order == "strict"
            else super().is_between(row, one, other, funnel)
        )


class AnyOrderAsOrdered(Rules):
    """`any_order`: steps in whatever order."""

    def any_next_steps(self, path, funnel):
        return [len(path)] if len(path) < len(funnel.steps) else []


class AnchorsIgnored(Rules):
    """`any_order` with optional anchored steps."""

    def any_next_steps(self, path, funnel):
        free = [replace(step, is_anchored=False) for step in funnel.steps]
        return super().any_next_steps(path, replace(funnel, steps=tuple(free)))


class WindowWithoutItsEnd(Rules):
    """The whole-funnel window is inclusive at the boundary."""

    def is_in_window(self, row, start, funnel):
        return row.occurred_at - start.occurred_at < funnel.window


class NoWindow(Rules):
    """Whole-funnel window from the first step."""

    def is_in_window(self, row, start, funnel):
        return True


class NoStepWindows(Rules):
    """Optional per-step windows."""

    def is_in_step_window(self, visit, path, funnel):
        return True


class StepWindowsFromTheStart(Rules):
    """Per-step windows are measured from the previous required step."""

    def anchor(self, path, funnel):
        return path[0].row


class StepWindowsFromOptionalSteps(Rules):
    """... from the previous *required* step."""

    def anchor(self, path, funnel):
        return path[-1].row


class StepWindowsAlone(Rules):
    """Both windows may apply."""

    def is_in_window(self, row, start, funnel):
        has_own = any(step.within for step in funnel.steps)
        return has_own or super().is_in_window(row, start, funnel)


class EntriesOfAllTimes(Rules):
    """The date range limits the entry time."""

    def is_candidate(self, row, funnel):
        return self.is_entry(row, funnel)


class AlwaysClipped(Rules):
    """... only: conversions are followed to the window's end."""

    def sees(self, row, funnel):
        return self.is_in_range(row, funnel)


class NeverClipped(Rules):
    """The setting that clips conversions as PostHog does."""

    def sees(self, row, funnel):
        return True


class Greedy(Rules):
    """Matching is by existence, not greedy."""

    def choose(self, found, funnel):
        best = min(found, key=len)
        while True:
            longer = [
                path
                for path in found
                if len(path) == len(best) + 1 and path[: len(best)] == best
            ]
            if not longer:
                return best
            best = min(longer, key=lambda path: path[-1].row.position)


class LargestPositions(Rules):
    """The counted path has the lexicographically smallest positions."""

    def choose(self, found, funnel):
        deepest = max(self.depth(path, funnel) for path in found)
        return max(
            (path for path in found if self.depth(path, funnel) == deepest),
            key=lambda path: [visit.row.position for visit in path],
        )


class LastStepFirst(Rules):
    """... step 2 first."""

    def rank(self, path, funnel):
        depth, required, *rest = super().rank(path, funnel)
        return (depth, required[::-1], *rest)


class AnyPathCounts(Rules):
    """The counted path is among paths reaching the deepest step."""

    def rank(self, path, funnel):
        _, required, *rest = super().rank(path, funnel)
        return (-min(len(required), 2), required, *rest)


class ConstantsIgnored(Rules):
    """Held properties must be equal across the steps of an attempt."""

    def is_held(self, row, start, funnel):
        return self.is_of_one_value(row, start, funnel)


class MissingEqualsMissing(Rules):
    """A missing constant equals nothing."""

    def is_held(self, row, start, funnel):
        return all(
            row.properties.get(name) == start.properties.get(name)
            for name in funnel.held
        ) and self.is_of_one_value(row, start, funnel)


class OneConstantAlone(Rules):
    """Up to three properties."""

    def is_held(self, row, start, funnel):
        return super().is_held(row, start, replace(funnel, held=funnel.held[:1]))


class ExclusionsIgnored(Rules):
    """Exclusion between two named steps."""

    def is_clean(self, path, rows, funnel):
        return True


class ExclusionsAnywhere(Rules):
    """... *between* two named steps."""

    def is_clean(self, path, rows, funnel):
        whole = [
            replace(each, after=0, before=len(funnel.steps) - 1)
            for each in funnel.exclusions
        ]
        return super().is_clean(path, rows, replace(funnel, exclusions=tuple(whole)))


class ExclusionsAtTies(Rules):
    """An exclusion that ties with a step is not between."""

    def is_between(self, row, one, other, funnel):
        return (
            one.occurred_at <= row.occurred_at <= other.occurred_at
            if funnel.order != "strict"
            else super().is_between(row, one, other, funnel)
        )


class OptionalStepsGate(Rules):
    """Optional steps do not gate."""

    def may_skip(self, place, funnel):
        return False


class OptionalStepsFirst(Rules):
    """Optional steps are reported on the path that counts without them."""

    def rank(self, path, funnel):
        depth, required, optional, steps = super().rank(path, funnel)
        return (depth, optional, required, steps)


class ValuesMayDiffer(Rules):
    """... or all steps equal."""

    def is_of_one_value(self, row, start, funnel):
        return True


PATH_MUTATIONS = tuple(Rules.__subclasses__())
