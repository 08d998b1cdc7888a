"""What loaded rows must look like, said once, in Great Expectations.

The library takes seconds to import, so it is imported where it is used.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg import sql

from orchestration.transform.extents import day_literals

MAX_FUTURE_SECONDS = 86_400


@dataclass(frozen=True)
class Outcome:
    """How a suite went: names and counts only, never a value of a row.

    Offending values would reach Dagster's event log and outlive an erasure.
    """

    suite: str
    checked: int
    broken: list[str]

    @property
    def success(self) -> bool:
        """Whether every expectation held, and there was at least one."""
        return self.checked > 0 and not self.broken


def validate_events(url: str, days: list[date]) -> Outcome:
    """Validate the raw events of some days, inside Postgres.

    Parameters
    ----------
    url : str
        The warehouse; rows never leave it.
    days : list of date
        Days to check; literal dates, so that only their partitions are read.
    """
    query = sql.SQL("select * from raw.events where occurred_on in ({})").format(
        day_literals(days)
    )
    return _validate(url, query.as_string(), suite=_raw_events_suite())


def validate_metrics(url: str, table: str) -> Outcome:
    """Validate the metrics that a report is about to show."""
    schema, _, name = table.partition(".")
    query = sql.SQL("select * from {}").format(sql.Identifier(schema, name))
    return _validate(url, query.as_string(), suite=_report_inputs_suite())


def _raw_events_suite() -> Any:
    import great_expectations as gx  # noqa: PLC0415
    import great_expectations.expectations as gxe  # noqa: PLC0415

    return gx.ExpectationSuite(
        name="raw_events",
        expectations=[
            *(
                gxe.ExpectColumnValuesToNotBeNull(column=column)
                for column in ("event_key", "event_id", "event_name", "occurred_at")
            ),
            gxe.ExpectColumnValuesToBeUnique(column="event_key"),
            gxe.ExpectColumnValuesToMatchRegex(
                column="event_name", regex="^[a-z][a-z0-9_]*([.][a-z0-9_.]+)?$"
            ),
            gxe.ExpectColumnValuesToBeInSet(
                column="lateness", value_set=["on_time", "late", "too_late"]
            ),
            gxe.ExpectColumnValuesToMatchRegex(column="currency", regex="^[A-Z]{3}$"),
            gxe.ExpectColumnValuesToMatchRegex(
                column="ip_truncated", regex="(^|[.])0(/24)?$|::(/48)?$"
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="status_code", min_value=100, max_value=599
            ),
            gxe.ExpectColumnValuesToBeBetween(column="duration_ms", min_value=0),
        ],
    )


def _report_inputs_suite() -> Any:
    import great_expectations as gx  # noqa: PLC0415
    import great_expectations.expectations as gxe  # noqa: PLC0415

    return gx.ExpectationSuite(
        name="report_inputs",
        expectations=[
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToNotBeNull(column="metric_id"),
            gxe.ExpectColumnValuesToBeBetween(column="denominator", min_value=0),
        ],
    )


def _validate(url: str, query: str, *, suite: Any) -> Outcome:
    """Run a suite over a query, in a context that leaves no file behind."""
    import great_expectations as gx  # noqa: PLC0415
    from great_expectations.data_context.types.base import (  # noqa: PLC0415
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    # Its own defaults make and announce a folder for documents that nobody reads.
    stores = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=stores,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    # add_postgres refuses a URL without a host, which is what a socket has.
    source = context.data_sources.add_sql(
        "warehouse",
        connection_string=url.replace("postgresql://", "postgresql+psycopg2://", 1),
    )
    asset = source.add_query_asset(name=suite.name, query=query)
    batch = asset.add_batch_definition_whole_table("whole").get_batch()
    outcome = batch.validate(suite, result_format="BOOLEAN_ONLY")
    broken = [
        f"{config.type}({config.kwargs.get('column', '')})"
        for result in outcome.results
        if (config := result.expectation_config) is not None and not result.success
    ]
    source.get_engine().dispose()
    return Outcome(suite.name, len(outcome.results), broken)
