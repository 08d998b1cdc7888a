"""Funnels as files say them, put into the registry's tables as its loading does."""

from collections.abc import Mapping
from typing import Any

import psycopg

from orchestration.registry.crosschecking import compile_entries, crosscheck
from orchestration.registry.documents import Document
from orchestration.registry.entries import Entry, Registry
from orchestration.registry.funnels import Funnel
from orchestration.registry.storing import store_registry


def step(name: str, *events: str, **rest: Any) -> dict[str, Any]:
    """Return a step that any of the events satisfies; by default its own name."""
    happenings = [{"event": event} for event in events or (name,)]
    return {"name": name, "events": happenings, **rest}


def funnel(*steps: str | dict[str, Any], **rest: Any) -> dict[str, Any]:
    """Return a funnel over steps, those given by name being events of that name."""
    listed = [step(item) if isinstance(item, str) else item for item in steps]
    return {"title": "Funnel", "window": "2 days", "steps": listed, **rest}


def define_funnels(
    connection: psycopg.Connection, funnels: Mapping[str, Mapping[str, Any]]
) -> None:
    """Make these the funnels in force."""
    entries = tuple(
        Entry("funnel", id_, Funnel.model_validate(body), Document(f"{id_}.yml", {}))
        for id_, body in funnels.items()
    )
    compiled, problems = compile_entries(entries)
    problems += crosscheck(entries)
    assert problems == []
    store_registry(connection, Registry(entries, tuple(compiled)))
    connection.commit()
