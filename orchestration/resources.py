"""How assets connect: the warehouse, and dbt without its network look-ups."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import version
from typing import Any

import dagster as dg
import psycopg
from dagster_dbt import DbtCliResource
from packaging.version import Version

from orchestration.settings import Settings, read_settings
from orchestration.warehouse.connection import connect


class Warehouse(dg.ConfigurableResource):
    """The Postgres that holds raw, models and what is published."""

    url: str

    @property
    def settings(self) -> Settings:
        """What this installation was told about its surroundings."""
        return read_settings()

    @contextmanager
    def connection(self, application_name: str) -> Iterator[psycopg.Connection]:
        """Open a connection for the block; its transaction commits at the end."""
        with connect(self.url, application_name=application_name) as connection:
            yield connection


class OfflineDbt(DbtCliResource):
    """The dbt command line, asked nothing that it would look up on the network."""

    @cached_property
    def _cli_version(self) -> Version:
        # The inherited property runs `dbt --version`, which asks the package index
        # for newer releases: three outside connections and 3 s in every process.
        return Version(version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        """Open no adapter: it serves row counts we do not fetch, and costs 3 s."""
