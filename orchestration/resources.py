"""How assets connect, and what they share: the warehouse, dbt, owners, retries."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import Any

import dagster as dg
import psycopg
from dagster_dbt import DbtCliResource
from packaging.version import Version

from orchestration.settings import Settings, read_settings
from orchestration.transform.terse_dbt import terse
from orchestration.warehouse.connection import connect

OWNERS = ["team:data"]

# A store or database that does not answer may answer in a minute; all at once would
# meet the same crowd again.
RETRIES = dg.RetryPolicy(
    max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


def small_table(rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Return rows of plain values as the UI shows a table."""
    records = [dg.TableRecord(dict(row)) for row in rows]
    # Columns are inferred from the first row, which an empty table does not have.
    schema = None if records else dg.TableSchema(columns=[])
    return dg.MetadataValue.table(records, schema=schema)


class WarehouseError(RuntimeError):
    """What Postgres refused, without the values of rows that it quotes."""


@contextmanager
def patiently(
    context: dg.AssetExecutionContext, policy: dg.RetryPolicy = RETRIES
) -> Iterator[None]:
    """Ask for another try of the step when the block fails.

    A retry policy of the asset itself would also try again what a person terminated:
    in one process Dagster takes the interrupt for a failure (its issue 15026).
    """
    try:
        with _terse_errors():
            yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        raise dg.RetryRequested(
            max_retries=policy.max_retries,
            seconds_to_wait=policy.calculate_delay(context.retry_number + 1),
        ) from error


@contextmanager
def _terse_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        # Not even as the cause: Dagster keeps every error of the chain.
        raise WarehouseError(terse(error)) from None


class Warehouse(dg.ConfigurableResource):
    """The Postgres that holds raw, models and what is published."""

    url: str

    @property
    def settings(self) -> Settings:
        """What this installation was told about its surroundings."""
        return read_settings()

    @contextmanager
    def connection(
        self, application_name: str, *, autocommit: bool = False, seconds: int = 0
    ) -> Iterator[psycopg.Connection]:
        """Open a connection for the block; its transaction commits at the end.

        Parameters
        ----------
        seconds : int
            The longest that a statement may take; 0 sets no limit. A Dagster step
            cannot be timed out inside a run, a statement can.

        Raises
        ------
        WarehouseError
            For every error of Postgres: its own quote rows, and Dagster keeps errors.
        """
        with (
            _terse_errors(),
            connect(
                self.url, application_name=application_name, autocommit=autocommit
            ) as connection,
        ):
            if seconds:
                connection.execute(
                    "select set_config('statement_timeout', %s, false)",
                    (f"{seconds}s",),
                )
                if not autocommit:
                    connection.commit()
            yield connection


class NoValues(dg.ConfigurableIOManager):
    """Refuses values of assets: Dagster would pickle them, rows and all, to disk."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Accept that there is nothing to keep."""
        if obj is not None:
            msg = f"{context.step_key} returned a value; tables are written by the step"
            raise dg.DagsterInvariantViolationError(msg)

    def load_input(self, context: dg.InputContext) -> None:
        """Give nothing: steps read tables."""


class OfflineDbt(DbtCliResource):
    """The dbt command line, asked nothing that it would look up on the network."""

    @cached_property
    def _cli_version(self) -> Version:
        # The inherited property runs `dbt --version`, which asks the package index
        # for newer releases: three outside connections and 3 s in every process.
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        """Open no adapter: it serves row counts we do not fetch, and costs 3 s."""
