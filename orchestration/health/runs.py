"""Runs: noted once per state, so that a failure alerts once and statistics outlive it.

What a run is called and when it began comes from the orchestrator; what follows from it
is decided here, in the transaction that notes it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime

import psycopg

from orchestration.health.alerts import open_alert, resolve_alert
from orchestration.warehouse.connection import connect


@dataclass(frozen=True)
class Run:
    """A run of a job, as far as it has come.

    Attributes
    ----------
    state : str
        waiting, running, succeeded, failed or canceled.
    launched_by : str
        A schedule, a sensor, the command line or a person.
    """

    run_id: str
    job: str
    state: str
    launched_by: str
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class CheckOutcome:
    """What a check of a run said; `detail` names no value of a row."""

    name: str
    passed: bool
    is_blocking: bool
    severity: str
    detail: str | None = None


def note_run(
    connection: psycopg.Connection, run: Run, checks: Sequence[CheckOutcome] = ()
) -> bool:
    """Note a run and open or close the alerts that its end gives cause for.

    Returns
    -------
    bool
        Whether it was news: a second call with the same state changes nothing.
    """
    with connection.transaction():
        noted = connection.execute(_NOTE, asdict(run))
        if not noted.rowcount:
            return False
        if run.state == "succeeded":
            resolve_alert(connection, incident=f"job:{run.job}")
        if run.state == "failed" and not _has_recovered(connection, run):
            _alert_failure(connection, run, checks)
        if run.state in {"succeeded", "failed"}:
            _alert_checks(connection, run, checks)
    return True


def _alert_failure(
    connection: psycopg.Connection, run: Run, checks: Sequence[CheckOutcome]
) -> None:
    blocked = sorted(
        check.name for check in checks if check.is_blocking and not check.passed
    )
    because = f": {', '.join(blocked)} did not hold" if blocked else ""
    open_alert(
        connection,
        incident=f"job:{run.job}",
        severity="critical",
        message=f"the job {run.job} failed{because}; run {run.run_id} says why",
    )


def _alert_checks(
    connection: psycopg.Connection, run: Run, checks: Sequence[CheckOutcome]
) -> None:
    for check in checks:
        incident = f"check:{check.name}"
        if check.passed:
            resolve_alert(connection, incident=incident)
        elif not (check.is_blocking and run.state == "failed"):
            # A blocking one failed its run, and that was told.
            detail = f": {check.detail}" if check.detail else ""
            open_alert(
                connection,
                incident=incident,
                severity="warning" if check.severity == "WARN" else "critical",
                message=f"{check.name} did not hold{detail}; run {run.run_id}",
            )


def _has_recovered(connection: psycopg.Connection, run: Run) -> bool:
    """Tell whether the job succeeded since, as runs may be noted late."""
    row = connection.execute(
        """
        select exists (
            select from ops.runs
            where job = %s and state = 'succeeded' and finished_at > %s
        )
        """,
        (run.job, run.finished_at or run.created_at),
    ).fetchone()
    return bool(row and row[0])


def forget_runs(connection: psycopg.Connection, *, before: datetime) -> int:
    """Drop what nobody asks of any more: old runs, stages and resolved alerts."""
    dropped = 0
    for statement in _FORGET:
        dropped += connection.execute(statement, {"before": before}).rowcount
    return dropped


def run_statistics(connection: psycopg.Connection) -> list[dict[str, str | float]]:
    """Return how often each job ran in the last 30 days, and how long it took."""
    rows = connection.execute(
        """
        select
            job,
            waiting_count,
            running_count,
            succeeded_count,
            failed_count,
            round(coalesce(median_seconds, 0)::numeric, 1)::float8,
            round(coalesce(p95_seconds, 0)::numeric, 1)::float8
        from ops.run_statistics order by job
        """
    )
    names = (
        "job",
        "waiting",
        "running",
        "succeeded",
        "failed",
        "median_seconds",
        "p95_seconds",
    )
    return [dict(zip(names, row, strict=True)) for row in rows]


@contextmanager
def life_line(url: str, run_id: str) -> Iterator[None]:
    """Hold what tells others that the process of a run is alive, until the end."""
    with connect(url, application_name="daybook run", autocommit=True) as connection:
        connection.execute(
            "select pg_advisory_lock(hashtext('daybook.run'), hashtext(%s))", (run_id,)
        )
        yield


def is_alive(connection: psycopg.Connection, run_id: str) -> bool:
    """Tell whether a process holds the run's life line."""
    with connection.transaction():
        row = connection.execute(
            "select pg_try_advisory_xact_lock(hashtext('daybook.run'), hashtext(%s))",
            (run_id,),
        ).fetchone()
    return not (row and row[0])


_NOTE = """
    insert into ops.runs as noted (
        run_id, job, state, launched_by, created_at, started_at, finished_at
    )
    values (
        %(run_id)s, %(job)s, %(state)s, %(launched_by)s,
        %(created_at)s, %(started_at)s, %(finished_at)s
    )
    on conflict (run_id) do update
    set
        state = excluded.state,
        started_at = excluded.started_at,
        finished_at = excluded.finished_at
    where noted.state <> excluded.state and noted.finished_at is null
"""

_FORGET = (
    "delete from ops.runs where created_at < %(before)s",
    "delete from ops.stages where started_at < %(before)s",
    "delete from ops.alerts where resolved_at < %(before)s",
)
