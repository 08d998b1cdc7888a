"""The registry as assets: what people wrote, checked, and the tables made of it."""

from collections.abc import Iterator

import dagster as dg

from orchestration.raw.definitions import judge_files
from orchestration.registry.storing import refresh_registry
from orchestration.resources import OWNERS, Warehouse, small_table
from orchestration.transform.assets import SOURCES
from orchestration.warehouse.migrations import check_schema

tables = [
    dg.AssetSpec(
        ["registry", name],
        group_name="registry",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[["registry", "definitions"]],
        description=description,
    )
    for (schema, name), description in SOURCES.items()
    if schema == "registry"
]


@dg.asset(
    key_prefix="registry",
    group_name="registry",
    kinds={"yaml", "postgres"},
    owners=OWNERS,
    check_specs=[
        dg.AssetCheckSpec(
            "files_are_well_defined",
            asset=["registry", "definitions"],
            description="Every file can be read, and no change breaks a rule.",
        )
    ],
)
def definitions(
    warehouse: Warehouse,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Every definition that people wrote, one row per definition and version.

    A file with a mistake leaves the last good version in force and says which file,
    line and field. A rerun without a change writes nothing.
    """
    with warehouse.connection("daybook registry") as connection:
        # Every job begins here; a code location that runs on may be older by now.
        check_schema(connection)
        refreshed = refresh_registry(
            connection, warehouse.settings.registry_dir, judge=judge_files
        )
        kinds = connection.execute(
            "select kind, count(*) from registry.in_force group by kind order by kind"
        ).fetchall()
    version = str(refreshed.registry_version)
    problems = [str(problem) for problem in refreshed.problems]
    yield dg.MaterializeResult(
        data_version=dg.DataVersion(version),
        metadata={
            "registry_version": refreshed.registry_version,
            "definitions": sum(count for _, count in kinds),
            "by_kind": small_table(
                {"kind": kind, "definitions": count} for kind, count in kinds
            ),
        },
    )
    yield dg.AssetCheckResult(
        check_name="files_are_well_defined",
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or None,
        metadata={"problems": problems},
    )
