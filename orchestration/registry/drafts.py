"""One definition that is not merged yet, judged among those that are."""

from pathlib import Path
from typing import NamedTuple

import psycopg
from pydantic import BaseModel, ValidationError

from orchestration.registry.crosschecking import compile_entries, crosscheck
from orchestration.registry.documents import read_document
from orchestration.registry.entries import Entry, Registry
from orchestration.registry.explaining import explain
from orchestration.registry.funnels import Funnel
from orchestration.registry.in_force import read_registry
from orchestration.registry.problems import RegistryError
from orchestration.registry.storing import store_registry


class FunnelDraft(NamedTuple):
    """A funnel that is not in force: what it says, and what is made of it."""

    title: str
    step_names: tuple[str, ...]
    plan: dict[str, object]


def read_draft(
    connection: psycopg.Connection, file: Path, *, registry_dir: Path
) -> FunnelDraft:
    """Read one funnel, and what the registry would make of it. Stores nothing.

    Raises
    ------
    RegistryError
        With everything wrong in the file, as the registry would say it.
    """
    entry = _entry(file)
    others = [
        each
        for each in read_registry(connection, registry_dir).entries
        if (each.kind, each.id) != (entry.kind, entry.id)
    ]
    compiled, problems = compile_entries([entry])
    problems += [
        problem
        for problem in crosscheck([*others, entry])
        if problem.file == entry.document.file
    ]
    if problems:
        raise RegistryError(problems)
    connection.commit()
    with connection.transaction(force_rollback=True):
        # Only for a moment, and seen by nobody: the views then say what they would.
        store_registry(connection, Registry((entry,), tuple(compiled)))
        plan = connection.execute(_PLAN, (entry.id,)).fetchone()
    if plan is None:
        msg = "a build holds the registry; try again when it is over"
        raise RegistryError([entry.document.problem((), msg)])
    model = entry.model
    assert isinstance(model, Funnel)  # noqa: S101
    return FunnelDraft(model.title, tuple(each.name for each in model.steps), plan[0])


def _entry(file: Path) -> Entry:
    document = read_document(file.read_bytes(), file=file.name)
    model: type[BaseModel] = Funnel
    try:
        validated = model.model_validate(document.data)
    except ValidationError as error:
        raise RegistryError(
            explain(error, model=model, document=document, at=())
        ) from None
    return Entry("funnel", file.stem, validated, document)


_PLAN = """
    select to_jsonb(plans) || jsonb_build_object(
        'window_days', ceil(plans.window_seconds / 86400.0)::integer,
        'mask_sql', masks.mask_sql,
        'subjects', coalesce(
            (
                select jsonb_agg(
                    jsonb_build_array(funnel_number, subject_sql, masks.mask_sql)
                )
                from registry.funnel_subjects
                where funnel_id = plans.funnel_id
            ),
            '[]'
        )
    )
    from registry.funnel_plans as plans
    inner join registry.funnel_masks as masks on masks.funnel_id = plans.funnel_id
    where plans.funnel_id = %s
"""
