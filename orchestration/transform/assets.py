"""dbt models as Dagster assets, one step of one build; the SQL lives in dbt_project."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliInvocation
from dagster_dbt.asset_utils import (
    DBT_DEFAULT_EXCLUDE,
    DBT_DEFAULT_SELECT,
    DBT_DEFAULT_SELECTOR,
    build_dbt_specs,
)

from orchestration.resources import OfflineDbt, Warehouse
from orchestration.settings import read_settings
from orchestration.transform.builds import Build, Request, begin_build, finish_build
from orchestration.transform.dbt_run import (
    Project,
    dbt_arguments,
    failure_of,
    load_manifest,
)
from orchestration.transform.run import read_definitions

PROJECT = Project.of(read_settings())
MANIFEST = load_manifest(PROJECT)
MODELS, TESTS = build_dbt_specs(
    translator=DagsterDbtTranslator(),
    manifest=MANIFEST,
    select=DBT_DEFAULT_SELECT,
    exclude=DBT_DEFAULT_EXCLUDE,
    selector=DBT_DEFAULT_SELECTOR,
    io_manager_key=None,
    project=None,
)

# What follows a build depends on this asset: without news it is made and no model is,
# and Dagster skips whatever depends on a model that was not made.
builds = dg.AssetSpec(
    ["ops", "builds"],
    group_name="ops",
    kinds={"postgres"},
    owners=["team:data"],
    description=(
        "One row per build: what it claimed, settled, and whether it succeeded. "
        "Without news a run adds none."
    ),
    deps=[key for spec in MODELS for key in spec.deps],
)


@dg.multi_asset(
    name="dbt_models",
    specs=[*MODELS, builds],
    check_specs=TESTS,
    can_subset=True,
    allow_arbitrary_check_specs=True,
)
def dbt_models(
    context: dg.AssetExecutionContext, dbt: OfflineDbt, warehouse: Warehouse
) -> Iterator[Any]:
    """Every dbt model and test, rebuilt where days, devices or definitions have news.

    Without news dbt is not started. A rerun changes no row. One model run from the UI
    is built, and settles nothing: the next build of everything does it again.
    """
    build = begin_build(
        warehouse.url,
        request=Request(
            run_id=context.run_id,
            timezone=warehouse.settings.timezone,
            is_full_selection=not context.is_subset,
            # Whoever picks one model in the UI wants it built.
            is_wanted_anyway=context.is_subset,
        ),
        definitions=read_definitions(warehouse.url, PROJECT),
    )
    if build is None:
        context.log.info("Nothing to build: no day, device or definition has news.")
        plan = "nothing to build"
    else:
        context.log.info(f"Build {build.build_id}\n{build.plan.text()}")
        plan = build.plan.text()
        yield from _run_dbt(context, dbt, build)
    if builds.key in context.selected_asset_keys:
        yield dg.MaterializeResult(
            asset_key=builds.key,
            metadata={
                "build_id": build.build_id if build else None,
                "plan": dg.MetadataValue.md(f"```\n{plan}\n```"),
                "days": len(build.plan.days) if build else 0,
                "devices": build.plan.device_count if build else 0,
                "models_from_nothing": len(build.plan.models) if build else 0,
            },
        )


def _run_dbt(
    context: dg.AssetExecutionContext, dbt: OfflineDbt, build: Build
) -> Iterator[Any]:
    try:
        invocation = dbt.cli(
            dbt_arguments(build), context=context, raise_on_error=False
        )
        yield from invocation.stream()
        failure = _failure(invocation, build)
    except BaseException:
        # Whatever it was, the claims stay open for the next build.
        finish_build(build, failure="dbt did not run to its end")
        raise
    finish_build(build, failure=failure)
    if failure:
        raise dg.Failure(description=failure, allow_retries=False)


def _failure(invocation: DbtCliInvocation, build: Build) -> str | None:
    results = invocation.get_artifact("run_results.json")["results"]
    return failure_of(
        MANIFEST,
        {result["unique_id"]: result["status"] for result in results},
        is_full=build.request.is_full_selection,
    )
