"""The published tables: what BI reads, changed by difference after the checks."""

from typing import Any

import dagster as dg

from orchestration.experiments import publication as experiments
from orchestration.quality.checks import GATES
from orchestration.quality.published_tables import published_tables
from orchestration.quality.published_views import published_views
from orchestration.quality.publishing import Publication, Terms, publish
from orchestration.quality.verdicts import unproven
from orchestration.resources import OWNERS, Warehouse, small_table
from orchestration.segments import publication as segments
from orchestration.transform.assets import MANIFEST
from orchestration.transform.fence import current_build

# What the analyse stage concludes goes out with the marts it was concluded from.
TABLES = [*published_tables(MANIFEST), *experiments.TABLES, *segments.TABLES]
VIEWS = published_views()


def publish_now(warehouse: Warehouse, *, is_closing: bool = False) -> Publication:
    """Publish the last build if its checks held, or say why not in the status.

    Raises
    ------
    StalePublicationError
        If another build took over since its checks were read.
    """
    with warehouse.connection("daybook publish") as connection:
        build_id = current_build(connection)
        terms = Terms(
            timezone=warehouse.settings.timezone,
            build_id=build_id,
            failed_checks=unproven(connection, build_id=build_id, checks=GATES),
            is_closing=is_closing,
        )
        connection.commit()
        publication = publish(connection, tables=TABLES, terms=terms, views=VIEWS)
    if publication.is_held:
        raise dg.Failure(description=publication.text(), allow_retries=False)
    return publication


tables = [
    dg.AssetSpec(
        ["published", table.name],
        group_name="published",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[[table.schema, table.made_name], ["published", "status"]],
        description=table.description,
    )
    for table in TABLES
]

views = [
    dg.AssetSpec(
        ["published", view.name],
        group_name="published",
        kinds={"postgres"},
        owners=OWNERS,
        deps=view.parents,
        description=view.description,
    )
    for view in VIEWS
]


@dg.asset(
    key_prefix="published",
    group_name="published",
    kinds={"postgres"},
    owners=OWNERS,
    deps=[
        ["ops", "builds"],
        ["experiments", "experiment_results"],
        ["segments", "members"],
    ],
)
def status(
    context: dg.AssetExecutionContext, warehouse: Warehouse
) -> dg.MaterializeResult:
    """How complete every published table is, in one row; moved with the tables.

    Readers see all of a publication or none of it. A rerun without news changes
    nothing but the time of the look.
    """
    publication = publish_now(warehouse)
    for name, change in sorted(publication.changes.items()):
        if not change.is_empty:
            context.log_event(
                dg.AssetMaterialization(
                    ["published", name],
                    metadata={
                        "rows_in": change.added_count,
                        "rows_out": change.removed_count,
                    },
                )
            )
    return dg.MaterializeResult(metadata=_metadata(publication))


@dg.asset(
    key_prefix="published",
    group_name="closing",
    kinds={"postgres"},
    owners=OWNERS,
    deps=[status],
)
def closed_days(warehouse: Warehouse) -> dg.MaterializeResult:
    """Days that are over and complete, closed by the night.

    Views compute the close state from the status row, so closing a day rewrites no
    table.
    """
    publication = publish_now(warehouse, is_closing=True)
    return dg.MaterializeResult(metadata=_metadata(publication))


def _metadata(publication: Publication) -> dict[str, Any]:
    return {
        "publication": publication.text(),
        "data_complete_through": str(publication.data_complete_through),
        "final_days_restated": publication.restated_day_count,
        "changes": small_table(
            {
                "table": name,
                "rows_in": change.added_count,
                "rows_out": change.removed_count,
            }
            for name, change in sorted(publication.changes.items())
            if not change.is_empty
        ),
    }
