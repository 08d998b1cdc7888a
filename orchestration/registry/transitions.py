"""Which changes from one version to the next are refused."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestration.registry.entries import Entry, Registry
from orchestration.registry.problems import Problem

_NEXT_STATES = {
    "DRAFT": ("DRAFT", "RUNNING"),
    "RUNNING": ("RUNNING", "PAUSED", "COMPLETED"),
    "PAUSED": ("PAUSED", "RUNNING", "COMPLETED"),
    "COMPLETED": ("COMPLETED",),
}

# What decides who sees what, and what the result means (SEMANTICS 2.11).
_FIXED_WHILE_RUNNING = (
    *("arms", "unit", "starts_at", "metrics", "decision", "alpha"),
    *("expected_units", "family", "correction"),
    *("minimum_units", "minimum_conversions", "minimum_days"),
    *("history_days", "assigned_by", "prior", "enrols_until"),
)


def refuse_transitions(
    registry: Registry, before: Mapping[tuple[str, str], dict[str, Any]]
) -> list[Problem]:
    """Return what may not change the way it did since the bodies `before`."""
    problems: list[Problem] = []
    for (kind, id_), old in sorted(before.items()):
        if kind != "experiment":
            continue
        if id_ in registry.experiments():
            problems.extend(_changed(registry.entry(kind, id_), old))
        elif old["state"] != "DRAFT":
            reason = f"was {old['state']} and cannot be deleted"
            file = f"experiments/{id_}.yml"
            problems.append(Problem(file, 1, "", reason, "state: COMPLETED"))
    return problems


def _changed(entry: Entry, old: dict[str, Any]) -> Iterator[Problem]:
    body, state = entry.body, old["state"]
    if body["state"] not in _NEXT_STATES[state]:
        reason = f"was {state} and cannot become {body['state']}"
        yield entry.problem(("state",), reason, ", ".join(_NEXT_STATES[state]))
    if state == "DRAFT":
        return
    # Where only the end decides, moving it is choosing when to look, or at what.
    counts_back = any("lookback_hours" in each for each in body["metrics"])
    ending = ("ends_at",) if body["decision"] == "fixed" or counts_back else ()
    for field in (*_FIXED_WHILE_RUNNING, *ending):
        if body.get(field) != old.get(field):
            reason = "cannot change once the experiment has left DRAFT"
            yield entry.problem((field,), reason, "a new experiment")
    phases, begun = body.get("phases", []), old.get("phases", [])
    if phases[: len(begun)] != begun:
        reason = "cannot change once the experiment has left DRAFT"
        yield entry.problem(("phases",), reason, "further phases")
