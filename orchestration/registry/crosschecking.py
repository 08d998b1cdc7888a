"""What definitions ask of each other, and the SQL that is made of their predicates."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel

from orchestration.registry.catalogue import EVENTS, FACTS, PERSON_FACTS
from orchestration.registry.compiling import (
    PredicateError,
    compile_predicate,
    compile_subject,
)
from orchestration.registry.documents import Path
from orchestration.registry.entries import Compiled, Entry
from orchestration.registry.experiments import AMOUNTS, Experiment
from orchestration.registry.funnels import Breakdown, Funnel, Subject, wrong_parts
from orchestration.registry.kinds import Happening, Metric, Report, Segment
from orchestration.registry.predicates import All, AnyOf, Comparison, Predicate
from orchestration.registry.problems import Problem
from orchestration.registry.retentions import AMOUNT, Behaviour

# Parts of a funnel besides its steps, which count from 1.
EXCLUSIONS, SCOPE_ALSO, CONSTANTS, ACCOUNT, BREAKDOWN, WHERE = range(100, 700, 100)


def crosscheck(entries: Iterable[Entry]) -> Iterator[Problem]:
    """Yield what definitions name and nobody defines."""
    entries = list(entries)
    models = [(each.id, each.model) for each in entries]
    metrics = [id_ for id_, model in models if isinstance(model, Metric)]
    funnels = {id_: model for id_, model in models if isinstance(model, Funnel)}
    events = {each.id for each in entries if each.kind == "contract"}
    for entry in entries:
        for path, reason, allowed in (
            *_wrong_parts(entry.model, funnels),
            *_unknown_metrics(entry.model, metrics),
        ):
            yield entry.problem(path, reason, allowed)
        for path, happening in _happenings(entry):
            yield from _unknown(entry, (*path, "event"), happening.event, events)


def _unknown_metrics(
    model: BaseModel, metrics: Sequence[str]
) -> Iterator[tuple[Path, str, str]]:
    for index, name in enumerate(model.metrics if isinstance(model, Report) else ()):
        if name not in metrics:
            reason = f"no metric is called {name!r}"
            yield ("metrics", index), reason, ", ".join(sorted(metrics))


def _wrong_parts(
    model: BaseModel, funnels: Mapping[str, Funnel]
) -> Iterator[tuple[Path, str, str]]:
    if isinstance(model, Funnel):
        yield from wrong_parts(model)
    elif isinstance(model, Behaviour):
        yield from model.wrong_parts()
    if isinstance(model, Experiment):
        yield from _wrong_goals(model, funnels)


def _wrong_goals(
    experiment: Experiment, funnels: Mapping[str, Funnel]
) -> Iterator[tuple[Path, str, str]]:
    """Yield (path, reason, allowed) of funnels that no metric can rest on."""
    for index, metric in enumerate(experiment.metrics):
        path = ("metrics", index)
        if metric.funnel is None:
            continue
        funnel = funnels.get(metric.funnel)
        if funnel is None:
            reason = f"no funnel is called {metric.funnel!r}"
            yield (*path, "funnel"), reason, ", ".join(sorted(funnels))
            continue
        if funnel.unit != "person" or funnel.counting == "sessions":
            allowed = "a funnel with unit: person that does not count sessions"
            yield (*path, "funnel"), "counts what is no person", allowed
        names = [step.name for step in funnel.steps if not step.optional]
        if metric.step and (metric.step not in names or funnel.ordering == "any_order"):
            reason = f"{metric.step!r} is no required step of an order"
            yield (*path, "step"), reason, ", ".join(names)


def _unknown(
    entry: Entry, path: Path, event: str, events: set[str]
) -> Iterator[Problem]:
    """Yield an event without contract, or a fact that the models do not date."""
    if event.startswith("app."):
        if event not in FACTS:
            reason = f"no fact of the app is called {event!r}"
            yield entry.problem(path, reason, ", ".join(FACTS))
    # Custom events have no contract of their own.
    elif events and "." not in event and event not in events:
        reason = f"no contract is called {event!r}"
        yield entry.problem(path, reason, ", ".join(sorted(events)))


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
        for part, path, subject in _subjects(entry):
            column, property_ = subject.column, subject.property_
            try:
                sql = compile_subject(
                    column=column,
                    property_=property_,
                    relation=EVENTS,
                    type_="numeric" if _is_amount(entry, part) else "text",
                )
            except PredicateError as error:
                at = (*path, *error.path)
                problems.append(entry.problem(at, error.reason, error.allowed))
                continue
            compiled.append(Compiled(entry.kind, entry.id, part, sql))
    return compiled, problems


def _is_amount(entry: Entry, part: int) -> bool:
    return part > AMOUNTS if entry.kind == "experiment" else part == AMOUNT


def _predicates(entry: Entry) -> Iterator[tuple[int, Path, Predicate]]:
    """Yield (part, path, predicate) of every predicate of a definition."""
    model = entry.model
    if isinstance(model, Segment):
        yield 0, ("rule",), model.rule
    elif isinstance(model, Funnel | Behaviour):
        for part, path, happenings in _listed(model):
            yield part, path, _any_of(happenings)
        if isinstance(model, Funnel) and model.where is not None:
            yield WHERE, ("where",), model.where


def _listed(model: Funnel | Behaviour) -> Iterator[tuple[int, Path, list[Happening]]]:
    """Yield (part, path, events) of whatever a definition lists events for."""
    return model.doings() if isinstance(model, Behaviour) else _steps(model)


def _steps(funnel: Funnel) -> Iterator[tuple[int, Path, list[Happening]]]:
    for index, step in enumerate(funnel.steps):
        yield index + 1, ("steps", index, "events"), step.events
    for index, exclusion in enumerate(funnel.exclusions):
        path = ("exclusions", index, "events")
        yield EXCLUSIONS + index + 1, path, exclusion.events
    if funnel.scope_also:
        yield SCOPE_ALSO, ("scope_also",), funnel.scope_also


def _subjects(entry: Entry) -> Iterator[tuple[int, Path, Subject | Breakdown]]:
    """Yield (part, path, subject) of every value that is read off an event."""
    if isinstance(entry.model, Behaviour):
        yield from entry.model.values()
    if not isinstance(entry.model, Funnel):
        return
    for index, subject in enumerate(entry.model.hold_constant):
        yield CONSTANTS + index + 1, ("hold_constant", index), subject
    if entry.model.account is not None:
        yield ACCOUNT, ("account",), entry.model.account
    breakdown = entry.model.breakdown
    if breakdown is not None and breakdown.trait is None:
        yield BREAKDOWN, ("breakdown",), breakdown


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
    if isinstance(entry.model, Segment) or path[0] == "where":
        return path
    # Where the list of events stands: at the top, in a part, or in a part of a list.
    length = 3
    if path[0] in {"scope_also", "events", "divided_by", "profile"}:
        length = 1
    elif path[0] in {"start", "return", "of"}:
        length = 2
    start, rest = path[:length], path[length:]
    if len(rest) >= 4 and rest[0] == "any" and rest[2] == "all":  # noqa: PLR2004
        return (*start, rest[1], "where", *rest[4:])
    return start


def _happenings(entry: Entry) -> Iterator[tuple[Path, Happening]]:
    model = entry.model
    if isinstance(model, Funnel | Behaviour):
        for _, path, happenings in _listed(model):
            for place, happening in enumerate(happenings):
                yield (*path, place), happening
