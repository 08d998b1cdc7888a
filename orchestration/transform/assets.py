"""dbt models as Dagster assets, one step of one build; the SQL lives in dbt_project."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, asset_utils

from orchestration.resources import (
    OWNERS,
    OfflineDbt,
    Warehouse,
    patiently,
    small_table,
)
from orchestration.settings import read_settings
from orchestration.transform.builds import Build, Request, begin_build, finish_build
from orchestration.transform.dbt_run import (
    BUILD_ARGUMENTS,
    Project,
    binding_tests,
    failure_of,
    load_manifest,
    source_descriptions,
    statuses_of,
)
from orchestration.transform.fence import current_build
from orchestration.transform.run import read_definitions

PROJECT = Project.of(read_settings())
MANIFEST = load_manifest(PROJECT)
MODELS, TESTS = asset_utils.build_dbt_specs(
    translator=DagsterDbtTranslator(),
    manifest=MANIFEST,
    select=asset_utils.DBT_DEFAULT_SELECT,
    exclude=asset_utils.DBT_DEFAULT_EXCLUDE,
    selector=asset_utils.DBT_DEFAULT_SELECTOR,
    io_manager_key=None,
    project=None,
)
# Every table that models read and dbt does not make, with what it holds.
SOURCES = source_descriptions(MANIFEST)

# What follows a build depends on this asset: without news it is made and no model is,
# and Dagster skips whatever depends on a model that was not made.
builds = dg.AssetSpec(
    ["ops", "builds"],
    group_name="ops",
    kinds={"postgres"},
    owners=OWNERS,
    description=(
        "One row per build: what it claimed, settled, and whether it succeeded. "
        "Without news a run adds none."
    ),
    deps=[
        ["registry", "definitions"],
        ["raw", "landing_files"],
        *(key for spec in MODELS for key in spec.deps),
    ],
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
    request = Request(
        run_id=context.run.run_id,
        timezone=warehouse.settings.timezone,
        pseudonym_key=warehouse.settings.pseudonym_key(),
        is_full_selection=not context.is_subset,
        is_wanted_anyway=context.is_subset,
    )
    # Only the beginning: a model that failed fails again, and the next run comes soon.
    with patiently(context):
        definitions = read_definitions(warehouse.url, PROJECT)
        build = begin_build(warehouse.url, request=request, definitions=definitions)
    if build is None:
        context.log.info("Nothing to build: no day, device or definition has news.")
        yield from _still_true(context, warehouse)
    else:
        context.log.info(f"Build {build.build_id}\n{build.plan.text()}")
        yield from _run_dbt(context, dbt, build)
        if builds.key in context.selected_asset_keys:
            yield dg.MaterializeResult(
                asset_key=builds.key,
                metadata={
                    **build.facts(),
                    **{name: small_table(rows) for name, rows in build.tables()},
                },
                data_version=dg.DataVersion(str(build.build_id)),
            )


def _still_true(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> Iterator[Any]:
    """Say of the last build that its tests hold on these very rows.

    Unsaid, the UI would show them as skipped whenever there is no news.
    """
    with warehouse.connection("daybook ui") as connection:
        build_id = current_build(connection)
    binding = binding_tests(MANIFEST)
    for test in TESTS:
        if test.name in binding and test.key in context.selected_asset_check_keys:
            yield dg.AssetCheckResult(
                asset_key=test.asset_key,
                check_name=test.name,
                passed=True,
                metadata={"unchanged_since": f"build {build_id}"},
            )
    if builds.key in context.selected_asset_keys:
        yield dg.MaterializeResult(
            asset_key=builds.key,
            metadata={"build_id": build_id, "is_new": False},
            data_version=dg.DataVersion(str(build_id)),
        )


def _run_dbt(
    context: dg.AssetExecutionContext, dbt: OfflineDbt, build: Build
) -> Iterator[Any]:
    try:
        with build.told_to_dbt():
            invocation = dbt.cli(BUILD_ARGUMENTS, context=context, raise_on_error=False)
        yield from invocation.stream()
        failure = failure_of(
            MANIFEST,
            statuses_of(invocation.get_artifact("run_results.json")),
            is_full=build.request.is_full_selection,
        )
    except BaseException:
        # Whatever it was, the claims stay open for the next build.
        finish_build(build, failure="dbt did not run to its end")
        raise
    finish_build(build, failure=failure)
    if failure:
        raise dg.Failure(description=failure, allow_retries=False)
