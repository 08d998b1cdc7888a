"""One funnel over the rows there are, by the SQL that a build would run."""

import json
import re
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.registry.drafts import FunnelDraft, read_draft
from orchestration.transform.dbt_run import Project, compile_inline

_FEW = 3
# dbt names the database, too.
_ROWS = re.compile(r'"[^"]+"\."intermediate"\."int_funnel_rows"')


@dataclass(frozen=True)
class Trial:
    """What a funnel would count.

    Attributes
    ----------
    steps : tuple of dict
        One per step and group: the columns of `funnels.result`.
    edges : dict of (int, str) to list of str
        By the step reached last and the state: pseudonyms of a few who are there.
    """

    draft: FunnelDraft
    watermark: datetime | None
    steps: tuple[dict, ...]
    edges: dict[tuple[int, str], list[str]]
    row_count: int
    unit_count: int
    rows_seconds: float
    paths_seconds: float


def try_funnel(
    connection: psycopg.Connection,
    file: Path,
    *,
    project: Project,
    registry_dir: Path,
    entries: tuple[date | None, date | None] = (None, None),
) -> Trial:
    """Evaluate a file over the entries of a range of days. Stores nothing.

    Raises
    ------
    RegistryError
        If the file is wrong, naming line, field and what is allowed.
    """
    draft = read_draft(connection, file, registry_dir=registry_dir)
    rows, attempts = _statements(project, draft, entries)
    with connection.transaction(force_rollback=True):
        started = time.monotonic()
        _run(connection, "create temporary table trial_rows as {}", rows)
        connection.execute("analyze trial_rows")
        read = time.monotonic()
        connection.execute("set local enable_nestloop = off")
        _run(connection, "create temporary table trial_attempts as {}", attempts)
        found = time.monotonic()
        return Trial(
            draft,
            watermark := _watermark(connection),
            *_results(connection, draft, entries, watermark),
            row_count=_count(connection, "select count(*) from trial_rows"),
            unit_count=_count(
                connection, "select count(distinct unit_id) from trial_attempts"
            ),
            rows_seconds=read - started,
            paths_seconds=found - read,
        )


def _statements(
    project: Project, draft: FunnelDraft, entries: tuple[date | None, date | None]
) -> tuple[str, str]:
    """Return what finds the rows and what finds the attempts, as dbt compiles them."""
    own = {"is_trial": True, "days": _days(draft, entries)}
    trial = {**draft.plan, **own}
    # A string of JSON is a string of Jinja, too; it holds the whole trial.
    literal = json.dumps(json.dumps(trial))
    compiled = compile_inline(project, f"{{{{ funnel_trial(fromjson({literal})) }}}}")
    rows, _, attempts = compiled.partition("-- attempts")
    return rows, _ROWS.sub("pg_temp.trial_rows", attempts)


def _days(draft: FunnelDraft, entries: tuple[date | None, date | None]) -> str:
    """Return which days to read: those of the entries and a window after."""
    first, last = entries
    window = timedelta(days=cast("int", draft.plan["window_days"]))
    conditions = ["true"]
    if first:
        conditions.append(f"occurred_on >= date '{first.isoformat()}'")
    if last:
        conditions.append(f"occurred_on <= date '{(last + window).isoformat()}'")
    return " and ".join(conditions)


def _results(
    connection: psycopg.Connection,
    draft: FunnelDraft,
    entries: tuple[date | None, date | None],
    watermark: datetime | None,
) -> tuple[tuple[dict, ...], dict[tuple[int, str], list[str]]]:
    plan = sql.SQL(cast("LiteralString", draft.plan["plan_sql"]))
    asked = {
        "id": draft.plan["funnel_id"],
        "bins": draft.plan["time_bin_count"],
        "top": draft.plan["breakdown_top"],
        "first": entries[0],
        "last": entries[1],
        "watermark": watermark,
    }
    with connection.cursor(row_factory=dict_row) as cursor:
        steps = cursor.execute(
            sql.SQL(_RESULTS).format(plan=plan), asked, prepare=False
        ).fetchall()
    edges = connection.execute(
        sql.SQL(_EDGES).format(plan=plan), {**asked, "few": _FEW}
    ).fetchall()
    return tuple(steps), {(depth, state): ids for depth, state, ids in edges}


def _watermark(connection: psycopg.Connection) -> datetime | None:
    row = connection.execute(
        "select data_complete_through from published.status"
    ).fetchone()
    return row[0] if row else None


def _run(
    connection: psycopg.Connection, statement: LiteralString, compiled: str
) -> None:
    text = sql.SQL(cast("LiteralString", compiled))
    connection.execute(sql.SQL(statement).format(text))


def _count(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    return row[0] if row else 0


_RESULTS = """
    select results.*
    from funnels.results(
        'pg_temp.trial_attempts', %(id)s, {plan}, %(bins)s, %(top)s,
        %(first)s, %(last)s, %(watermark)s
    ) as results
"""

# Pseudonyms alone: who it is, only the vault knows.
_EDGES = """
    select depth, state, (array_agg(distinct left(unit_id, 12)))[1:%(few)s]
    from funnels.outcomes(
        'pg_temp.trial_attempts', %(id)s, ({plan}).counting = 'totals',
        %(first)s, %(last)s, %(watermark)s
    )
    group by depth, state
    order by depth, state
"""
