"""The published tables: what BI reads, changed by difference after the checks."""

from typing import Any

import dagster as dg

from orchestration.quality.published_tables import PublishedTable, published_tables
from orchestration.quality.publishing import Publication, Terms, publish
from orchestration.resources import Warehouse
from orchestration.transform.assets import MANIFEST

# What the analyse stage concludes goes out with the marts it was concluded from.
RESULTS = PublishedTable(
    name="experiment_results",
    schema="experiments",
    key=("experiment_id", "metric_name", "variant"),
    description=(
        "One row per experiment, metric and treatment arm, "
        "with its rate against the control."
    ),
)
TABLES = [*published_tables(MANIFEST), RESULTS]
OWNERS = ["team:data"]


def publish_now(warehouse: Warehouse, *, is_closing: bool = False) -> Publication:
    """Publish what the last build made, or say why not in the status."""
    terms = Terms(timezone=warehouse.settings.timezone, is_closing=is_closing)
    with warehouse.connection("daybook publish") as connection:
        publication = publish(connection, tables=TABLES, terms=terms)
    if publication.is_held:
        raise dg.Failure(description=publication.text(), allow_retries=False)
    return publication


tables = [
    dg.AssetSpec(
        ["published", table.name],
        group_name="published",
        kinds={"postgres"},
        owners=OWNERS,
        deps=[[table.schema, table.name], ["published", "status"]],
        description=table.description,
    )
    for table in TABLES
]


@dg.asset(
    key_prefix="published",
    group_name="published",
    kinds={"postgres"},
    owners=OWNERS,
    deps=[["ops", "builds"], ["experiments", "experiment_results"]],
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
        "changes": dg.MetadataValue.table(
            records=[
                dg.TableRecord(
                    {
                        "table": name,
                        "rows_in": change.added_count,
                        "rows_out": change.removed_count,
                    }
                )
                for name, change in sorted(publication.changes.items())
                if not change.is_empty
            ],
            schema=dg.TableSchema.from_name_type_dict(
                {"table": "string", "rows_in": "int", "rows_out": "int"}
            ),
        ),
    }
