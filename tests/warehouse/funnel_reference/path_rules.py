"""SEMANTICS 2.6 on paths, rule by rule, so that each can be broken alone."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tests.warehouse.funnel_reference.definitions import (
    Exclusion,
    Funnel,
    Happening,
    Path,
    Position,
    Row,
    Visit,
)

NEVER: Position = (datetime.max.replace(tzinfo=UTC), "", True, 0, "")


class PathRules:
    """Which choices of rows are paths of a start, and which of them counts."""

    # Steps

    def is_any(self, row: Row, alternatives: Sequence[Happening]) -> bool:
        """A step may accept several alternatives, each with its conditions."""
        return any(
            row.event == each.event
            and all(row.properties.get(name) == value for name, value in each.where)
            for each in alternatives
        )

    def is_unused(self, row: Row, path: Path) -> bool:
        """A row satisfies at most one step of an attempt."""
        return all(row != visit.row for visit in path)

    # Order

    def is_interchangeable(self, one: Row, other: Row, funnel: Funnel) -> bool:
        """Rows of one instant, give or take, whose order no common source tells."""
        has_common_sequence = (
            one.source == other.source
            and one.sequence is not None
            and other.sequence is not None
            and (one.occurred_at, one.sequence) != (other.occurred_at, other.sequence)
        )
        apart = abs(one.occurred_at - other.occurred_at)
        return not has_common_sequence and apart <= funnel.tolerance

    def is_before(self, one: Row, other: Row, funnel: Funnel) -> bool:
        """Earlier in the total order, and not merely for want of another order."""
        return one.position < other.position and not self.is_interchangeable(
            one, other, funnel
        )

    def is_in_order(self, row: Row, path: Path, funnel: Funnel) -> bool:
        """No row of the path comes after one that it should precede."""
        return not any(self.is_before(row, visit.row, funnel) for visit in path)

    def next_steps(self, path: Path, funnel: Funnel) -> Sequence[int]:
        """The steps that may stand at the next place of the path."""
        if funnel.order == "any_order":
            return self.any_next_steps(path, funnel)
        last = path[-1].step if path else -1
        found = []
        for place in range(last + 1, len(funnel.steps)):
            found.append(place)
            if not self.may_skip(place, funnel):
                break
        return found

    def any_next_steps(self, path: Path, funnel: Funnel) -> Sequence[int]:
        """An anchored step keeps its place; the others share the places left."""
        place = len(path)
        if place < len(funnel.steps) and funnel.steps[place].is_anchored:
            return [place]
        done = {visit.step for visit in path}
        return [
            index
            for index, step in enumerate(funnel.steps)
            if index not in done and not step.is_anchored
        ]

    def may_skip(self, place: int, funnel: Funnel) -> bool:
        """Optional steps do not gate."""
        return funnel.steps[place].is_optional

    def is_in_scope(self, row: Row, funnel: Funnel) -> bool:
        """What may not happen between two steps in strict order."""
        if funnel.scope == "all":
            return True
        return self.is_any(row, funnel.noise) or any(
            self.is_any(row, step.alternatives) for step in funnel.steps
        )

    def is_uninterrupted(self, path: Path, rows: Sequence[Row], funnel: Funnel) -> bool:
        """Strict order: nothing of the scope between a step and the next."""
        if funnel.order != "strict" or len(path) < 2:
            return True
        return not any(
            self.is_in_scope(row, funnel)
            and self.is_between(row, path[-2].row, path[-1].row, funnel)
            for row in rows
            if self.is_unused(row, path)
        )

    def is_between(self, row: Row, one: Row, other: Row, funnel: Funnel) -> bool:
        """After the one and before the other, whatever order ties are put in."""
        return self.is_before(one, row, funnel) and self.is_before(row, other, funnel)

    # Windows and constants

    def is_in_window(self, row: Row, start: Row, funnel: Funnel) -> bool:
        """The whole-funnel window from the first step, its boundary included."""
        return row.occurred_at - start.occurred_at <= funnel.window

    def is_in_step_window(self, visit: Visit, path: Path, funnel: Funnel) -> bool:
        """The window of a step, from the required step before it."""
        within = funnel.steps[visit.step].within
        if within is None:
            return True
        anchor = self.anchor(path, funnel)
        return visit.row.occurred_at - anchor.occurred_at <= within

    def anchor(self, path: Path, funnel: Funnel) -> Row:
        """Optional steps do not anchor."""
        return next(
            visit.row
            for visit in reversed(path)
            if not funnel.steps[visit.step].is_optional
        )

    def is_held(self, row: Row, start: Row, funnel: Funnel) -> bool:
        """Held properties have one value in all rows of an attempt, and have one."""
        return all(
            row.properties.get(name) is not None
            and row.properties.get(name) == start.properties.get(name)
            for name in funnel.held
        ) and self.is_of_one_value(row, start, funnel)

    def is_of_one_value(self, row: Row, start: Row, funnel: Funnel) -> bool:
        """A breakdown at all steps asks for one value, missing being one, too."""
        by = funnel.breakdown
        if by is None or by.at != "all":
            return True
        return row.properties.get(by.property) == start.properties.get(by.property)

    # Exclusions

    def is_clean(self, path: Path, rows: Sequence[Row], funnel: Funnel) -> bool:
        """No exclusion between its two steps, as far as the path has come."""
        for exclusion in funnel.exclusions:
            places = self.places(path, funnel)
            inside = [
                visit.row
                for place, visit in zip(places, path, strict=True)
                if exclusion.after <= place <= exclusion.before
            ]
            if len(inside) > 1 and any(
                self.is_any(row, exclusion.alternatives)
                and self.is_between(row, inside[0], inside[-1], funnel)
                for row in rows
                if self.is_unused(row, path)
            ):
                return False
        return True

    def places(self, path: Path, funnel: Funnel) -> Sequence[int]:
        """Places are those of the definition, or of the path where any order goes."""
        if funnel.order == "any_order":
            return range(len(path))
        return [visit.step for visit in path]

    def ends(
        self, exclusion: Exclusion, path: Path, rows: Sequence[Row], funnel: Funnel
    ) -> Row | None:
        """The row by which an exclusion ended a path that came to its reach."""
        last = self.places(path, funnel)[-1]
        if not exclusion.after <= last < exclusion.before:
            return None
        return next(
            (
                row
                for row in sorted(rows, key=lambda row: row.position)
                if self.is_any(row, exclusion.alternatives)
                and self.is_unused(row, path)
                and self.is_before(path[-1].row, row, funnel)
                and self.is_in_window(row, path[0].row, funnel)
                and self.is_awaited(row, path, funnel)
            ),
            None,
        )

    def is_awaited(self, row: Row, path: Path, funnel: Funnel) -> bool:
        """The window of the next required step is not over yet."""
        if funnel.order == "any_order":
            return True
        following = [place for place in funnel.required if place > path[-1].step]
        return not following or self.is_in_step_window(
            Visit(following[0], row), path, funnel
        )

    # Which path, which candidate

    def rank(self, path: Path, funnel: Funnel) -> tuple[object, ...]:
        """Deepest first; then the smallest positions of the required, step 2 first."""
        required = [
            visit.row.position
            for visit in path
            if not funnel.steps[visit.step].is_optional
        ]
        taken = {visit.step: visit.row.position for visit in path}
        optional = [
            taken.get(place, NEVER)
            for place, step in enumerate(funnel.steps)
            if step.is_optional
        ]
        return (-len(required), required, optional, [visit.step for visit in path])

    def is_candidate(self, row: Row, funnel: Funnel) -> bool:
        """Every step-1 row in the entry range, which limits the entry alone."""
        return self.is_entry(row, funnel) and self.is_in_range(row, funnel)

    def is_entry(self, row: Row, funnel: Funnel) -> bool:
        """The row may stand at the first place of a path."""
        return any(
            self.is_any(row, funnel.steps[step].alternatives)
            for step in self.next_steps((), funnel)
        )

    def is_in_range(self, row: Row, funnel: Funnel) -> bool:
        """The range of entry, both ends included."""
        is_late_enough = (
            funnel.entry_from is None or row.occurred_at >= funnel.entry_from
        )
        return is_late_enough and (
            funnel.entry_to is None or row.occurred_at <= funnel.entry_to
        )

    def sees(self, row: Row, funnel: Funnel) -> bool:
        """Conversions are followed past the range, unless the setting clips them."""
        return not funnel.clips or self.is_in_range(row, funnel)

    def depth(self, path: Path, funnel: Funnel) -> int:
        """How many required steps a path reaches."""
        return sum(not funnel.steps[visit.step].is_optional for visit in path)

    def choose(self, found: Sequence[Path], funnel: Funnel) -> Path:
        """By existence: whatever path is best, found in whatever way."""
        return min(found, key=lambda path: self.rank(path, funnel))

    def is_tied(self, path: Path) -> bool:
        """A fixed order of the rows would have blocked this path."""
        positions = [visit.row.position for visit in path]
        return positions != sorted(positions)
