"""Builds: begin, finish, and nothing settled unless all of it succeeded.

    build = begin_build(url, ...)       # None: nothing to build, dbt is not started
    with build.told_to_dbt(): dbt build
    finish_build(build, failure=None)   # settles, or with a failure settles nothing

The build's own session holds the truth lock from begin to finish.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg

from orchestration.identity.accounts import refresh_excluded_accounts
from orchestration.identity.changes import Prepared
from orchestration.identity.prepare import prepare_identity
from orchestration.transform.claims import claim, settle
from orchestration.transform.dbt_run import told_of_build
from orchestration.transform.extents import build_days, write_extents
from orchestration.transform.fence import (
    BuildLostError,
    hold_truth,
    require_current,
    take_over,
)
from orchestration.transform.model_hashes import (
    IDENTITY,
    Definition,
    record_models,
)
from orchestration.transform.plan import Plan, plan_build
from orchestration.transform.planner import analyze_days, analyze_owners
from orchestration.warehouse.stages import begin_stage, end_stage

LOGGER = logging.getLogger(__name__)

STAGE = "transform"


@dataclass(frozen=True)
class Request:
    """What a build is asked to do.

    Attributes
    ----------
    run_id : str
        Who asks: a Dagster run, or a name for a build from the command line.
    timezone : str
        The zone whose days are called days.
    is_full_selection : bool
        False for a subset or one model: such a build settles nothing.
    is_wanted_anyway : bool
        Build even when the plan is empty.
    patience : timedelta
        How long to wait for loads and other builds.
    pseudonym_key : bytes
        What contact details are hashed with at intake, to know those that are blocked.
    """

    run_id: str
    timezone: str = "UTC"
    is_full_selection: bool = True
    is_wanted_anyway: bool = False
    patience: timedelta = timedelta(minutes=15)
    pseudonym_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Build:
    """A running build; `connection` holds the truth lock.

    Attributes
    ----------
    days : tuple of date
        Every day whose rows the build may read.
    superseded : tuple of int
        Builds that were still called running and were ended.
    """

    build_id: int
    request: Request
    connection: psycopg.Connection
    plan: Plan
    days: tuple[date, ...]
    definitions: Mapping[str, Definition]
    superseded: tuple[int, ...]
    identity: Prepared
    stage_id: int

    def told_to_dbt(self) -> AbstractContextManager[None]:
        """Have every dbt that starts inside the block belong to this build."""
        return told_of_build(
            self.build_id, days=self.days, models_from_nothing=self.plan.models
        )

    def facts(self) -> dict[str, Any]:
        """Return what a person wants to know of it at a glance."""
        return {
            "build_id": self.build_id,
            "is_new": True,
            "days_with_news": len(self.plan.days),
            "days_read": len(self.days),
            "devices": self.plan.device_count,
            "models_from_nothing": self.plan.models,
        }

    def tables(self) -> Iterator[tuple[str, list[dict[str, str | int]]]]:
        """Yield what a person looks at next, as small tables by name."""
        yield "news", self.plan.rows()
        yield "identity", self.identity.rows()


def begin_build(
    url: str, *, request: Request, definitions: Mapping[str, Definition]
) -> Build | None:
    """Take the truth lock, take over, claim and prepare; None if there is no news.

    Raises
    ------
    BuildRunningError
        If another build or a load did not let go of the truth in time.
    """
    connection = hold_truth(url, patience=request.patience)
    try:
        plan = plan_build(connection, definitions)
        LOGGER.debug("%s", plan.text())
        if plan.is_empty and not request.is_wanted_anyway:
            stage_id = begin_stage(connection, STAGE, run_id=request.run_id)
            end_stage(connection, stage_id, state="skipped")
            connection.close()
            return None
        build_id = _register(connection, request=request, plan=plan)
        stage_id = begin_stage(
            connection, STAGE, build_id=build_id, run_id=request.run_id
        )
        superseded = take_over(connection, build_id=build_id)
        with connection.transaction():
            days, identity = _prepare(
                connection, build_id=build_id, plan=plan, request=request
            )
    except BaseException:
        connection.close()
        raise
    return Build(
        build_id=build_id,
        request=request,
        connection=connection,
        plan=plan,
        days=tuple(days),
        definitions=definitions,
        superseded=tuple(superseded),
        identity=identity,
        stage_id=stage_id,
    )


def finish_build(build: Build, *, failure: str | None = None) -> None:
    """Settle a succeeded build of the full selection; of any other, settle nothing.

    Parameters
    ----------
    failure : str or None
        Why the build failed; names of models and tests, never a row's values.

    Raises
    ------
    BuildLostError
        If the build was superseded or its session, and with it the lock, was lost.
    """
    connection, build_id = build.connection, build.build_id
    try:
        with connection.transaction():
            require_current(connection, build_id=build_id)
            if failure is None and build.request.is_full_selection:
                settle(connection, build_id=build_id)
                record_models(connection, build.definitions, build_id=build_id)
            state = "failed" if failure else "succeeded"
            end_stage(connection, build.stage_id, state=state)
            connection.execute(
                """
                update ops.builds
                set state = %s, reason = %s, finished_at = clock_timestamp()
                where build_id = %s
                """,
                (state, failure, build_id),
            )
    except psycopg.OperationalError as error:
        msg = f"build {build_id} lost its session, and with it the truth lock"
        raise BuildLostError(msg) from error
    finally:
        connection.close()


def _register(connection: psycopg.Connection, *, request: Request, plan: Plan) -> int:
    row = connection.execute(
        """
        with build as (
            insert into ops.builds (
                run_id, is_full_selection, refreshed_models, registry_version
            )
            values (
                %s, %s, %s, (select max(registry_version) from registry.versions)
            )
            returning build_id
        ),

        watermarks as (
            insert into ops.build_watermarks (build_id, source, data_complete_through)
            select build.build_id, source, data_complete_through
            from build
            cross join ops.watermarks
        )

        select build_id from build
        """,
        (request.run_id, request.is_full_selection, sorted(plan.models)),
    ).fetchone()
    if row is None:
        msg = "the build was not registered"
        raise BuildLostError(msg)
    return int(row[0])


def _prepare(
    connection: psycopg.Connection, *, build_id: int, plan: Plan, request: Request
) -> tuple[list[date], Prepared]:
    timezone = request.timezone
    require_current(connection, build_id=build_id)
    refresh_excluded_accounts(connection, timezone=timezone)
    claim(connection, build_id=build_id)
    write_extents(connection, build_id=build_id)
    days = build_days(connection, build_id=build_id, timezone=timezone)
    analyze_days(connection, days)
    identity = prepare_identity(
        connection,
        build_id=build_id,
        days=days,
        timezone=timezone,
        is_full=IDENTITY in plan.models,
        pseudonym_key=request.pseudonym_key,
    )
    analyze_owners(connection)
    # Again, since a change of owner adds the days it made stale.
    days = build_days(connection, build_id=build_id, timezone=timezone)
    return days, identity
