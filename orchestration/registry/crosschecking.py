"""What definitions ask of each other, and the SQL that is made of their predicates."""

from collections.abc import Iterable, Iterator, Mapping

from orchestration.registry.catalogue import EVENTS, PERSON_FACTS
from orchestration.registry.compiling import PredicateError, compile_predicate
from orchestration.registry.documents import Path
from orchestration.registry.entries import Compiled, Entry
from orchestration.registry.kinds import (
    Experiment,
    Funnel,
    Happening,
    Metric,
    Report,
    Segment,
)
from orchestration.registry.predicates import All, AnyOf, Comparison, Predicate
from orchestration.registry.problems import Problem


def crosscheck(entries: Iterable[Entry]) -> Iterator[Problem]:
    """Yield what definitions name and nobody defines."""
    entries = list(entries)
    metrics = {each.id for each in entries if isinstance(each.model, Metric)}
    events = {each.id for each in entries if each.kind == "contract"}
    for entry in entries:
        if isinstance(entry.model, Report):
            for index, name in enumerate(entry.model.metrics):
                if name not in metrics:
                    path = ("metrics", index)
                    reason = f"no metric is called {name!r}"
                    yield entry.problem(path, reason, ", ".join(sorted(metrics)))
        for path, happening in _happenings(entry):
            # Custom events and facts of the app have no contract of their own.
            is_free = "." in happening.event
            if events and not is_free and happening.event not in events:
                reason = f"no contract is called {happening.event!r}"
                allowed = ", ".join(sorted(events))
                yield entry.problem((*path, "event"), reason, allowed)


def compile_entries(
    entries: Iterable[Entry],
) -> tuple[list[Compiled], list[Problem]]:
    """Compile every predicate; return the SQL and what could not be compiled."""
    entries = list(entries)
    segments = {
        each.id: each.model.rule for each in entries if isinstance(each.model, Segment)
    }
    compiled: list[Compiled] = []
    problems: list[Problem] = []
    for entry in entries:
        is_segment = isinstance(entry.model, Segment)
        relation = PERSON_FACTS if is_segment else EVENTS
        known: Mapping[str, Predicate] = segments if is_segment else {}
        for part, path, predicate in _predicates(entry):
            try:
                sql = compile_predicate(predicate, relation=relation, segments=known)
            except PredicateError as error:
                at = _written(entry, (*path, *error.path))
                problems.append(entry.problem(at, error.reason, error.allowed))
                continue
            compiled.append(Compiled(entry.kind, entry.id, part, sql))
    return compiled, problems


def _predicates(entry: Entry) -> Iterator[tuple[int, Path, Predicate]]:
    """Yield (part, path, predicate) of every predicate of a definition."""
    model = entry.model
    if isinstance(model, Segment):
        yield 0, ("rule",), model.rule
    elif isinstance(model, Funnel):
        for index, step in enumerate(model.steps):
            yield index + 1, ("steps", index, "events"), _any_of(step.events)
    elif isinstance(model, Experiment):
        for index, metric in enumerate(model.metrics):
            yield index + 1, ("metrics", index, "events"), _any_of(metric.events)


def _any_of(happenings: list[Happening]) -> Predicate:
    """Say in one predicate that one of the events happened."""
    alternatives: list[Predicate] = []
    for happening in happenings:
        name = {"column": "event_name", "is": happening.event}
        parts: list[Predicate] = [Comparison.model_validate(name)]
        if happening.where is not None:
            parts.append(happening.where)
        alternatives.append(All(all=parts))
    return AnyOf(any=alternatives)


def _written(entry: Entry, path: Path) -> Path:
    """Undo what `_any_of` adds: …, any, i, all, 1, … is …, i, where, … in the file."""
    if isinstance(entry.model, Segment):
        return path
    start, rest = path[:3], path[3:]
    if len(rest) >= 4 and rest[0] == "any" and rest[2] == "all":  # noqa: PLR2004
        return (*start, rest[1], "where", *rest[4:])
    return start


def _happenings(entry: Entry) -> Iterator[tuple[Path, Happening]]:
    model = entry.model
    if isinstance(model, Funnel):
        for index, step in enumerate(model.steps):
            for place, happening in enumerate(step.events):
                yield ("steps", index, "events", place), happening
    elif isinstance(model, Experiment):
        for index, metric in enumerate(model.metrics):
            for place, happening in enumerate(metric.events):
                yield ("metrics", index, "events", place), happening
