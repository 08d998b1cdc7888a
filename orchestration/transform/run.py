"""A whole build from the command line, a test or a script: begin, dbt, finish."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.transform.builds import Request, begin_build, finish_build
from orchestration.transform.dbt_run import (
    BUILD_ARGUMENTS,
    Project,
    failure_of,
    load_manifest,
    read_results,
    run_dbt,
)
from orchestration.transform.funnel_hashes import funnel_definitions
from orchestration.transform.model_hashes import (
    Definition,
    model_definitions,
    source_hashes,
)
from orchestration.transform.plan import Plan, plan_build
from orchestration.warehouse.connection import connect


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes
    ----------
    build_id : int or None
        None if there was nothing to build, and dbt was not started.
    failure : str or None
        Which models and tests failed or were left out; then nothing was settled.
    """

    build_id: int | None
    plan: Plan
    built_count: int
    failure: str | None
    seconds: float

    @property
    def succeeded(self) -> bool:
        """Whether everything that was planned is done."""
        return self.failure is None

    def text(self) -> str:
        """Return one line for a person."""
        if self.build_id is None:
            return "nothing to build"
        outcome = "succeeded" if self.succeeded else f"failed: {self.failure}"
        return (
            f"build {self.build_id} {outcome} "
            f"({self.built_count} nodes, {self.seconds:.1f} s)"
        )


def read_definitions(url: str, project: Project) -> dict[str, Definition]:
    """Return what every model is now: the project, the registry, the identity rules."""
    manifest = load_manifest(project)
    with connect(url, application_name="daybook plan") as connection:
        return {
            **model_definitions(
                manifest, source_hashes=source_hashes(connection, manifest)
            ),
            **funnel_definitions(connection),
        }


def read_plan(url: str, project: Project) -> Plan:
    """Return what the next build will rebuild, and why."""
    definitions = read_definitions(url, project)
    with connect(url, application_name="daybook plan") as connection:
        return plan_build(connection, definitions)


def run_build(
    url: str,
    *,
    project: Project,
    request: Request,
    select: Sequence[str] = (),
    in_process: bool = True,
) -> BuildReport:
    """Build what is new and settle it, or say what failed and settle nothing.

    Parameters
    ----------
    select : sequence of str
        dbt selectors of a subset; a subset settles nothing whatever it does, so
        `request.is_full_selection` must then be False.

    Raises
    ------
    ValueError
        If a subset claims to be the full selection.
    BuildRunningError, BuildLostError
        If another build is running, or superseded this one.
    """
    if select and request.is_full_selection:
        msg = "select: a subset is not the full selection"
        raise ValueError(msg)
    started = time.monotonic()
    definitions = read_definitions(url, project)
    build = begin_build(url, request=request, definitions=definitions)
    if build is None:
        with connect(url, application_name="daybook plan") as connection:
            plan = plan_build(connection, definitions)
        return BuildReport(None, plan, 0, None, time.monotonic() - started)
    try:
        selection = ["--select", *select] if select else []
        with build.told_to_dbt():
            succeeded = run_dbt(
                project, [*BUILD_ARGUMENTS, *selection], in_process=in_process
            )
        statuses = read_results(project)
        failure = failure_of(
            load_manifest(project), statuses, is_full=request.is_full_selection
        )
        if not succeeded and failure is None:
            failure = "dbt stopped before it could report"
    except BaseException:
        # Whatever it was, the claims stay open for the next build.
        finish_build(build, failure="dbt did not run to its end")
        raise
    finish_build(build, failure=failure)
    return BuildReport(
        build_id=build.build_id,
        plan=build.plan,
        built_count=len(statuses),
        failure=failure,
        seconds=time.monotonic() - started,
    )
