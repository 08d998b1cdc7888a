"""Drift: properties that events carry and no contract names, and since when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import psycopg

from orchestration.raw.contracts import Contracts


@dataclass(frozen=True)
class Drift:
    """A property that a kind of event of a source has, and its contract has not.

    Attributes
    ----------
    property_name : str
        Named by the sender: for a terminal, not for logs.
    share : float
        Of the events of that kind and source in the days that were looked at.
    first_day, last_day : date
        Of those days.
    """

    source: str
    event_name: str
    property_name: str
    event_count: int
    share: float
    first_day: date
    last_day: date

    def __str__(self) -> str:
        """Return it as a line."""
        return (
            f"{self.first_day} to {self.last_day}  {self.source}  {self.event_name}"
            f"  {self.property_name}  {self.event_count:,} events, {self.share:.1%}"
        )


def find_drift(
    connection: psycopg.Connection, contracts: Contracts, *, since: date
) -> list[Drift]:
    """Return what no contract names, what appeared last first.

    Events with such properties are kept as they are, and flagged where their contract
    is not open to any. Custom events have the properties that all events share.
    """
    found = [
        drift
        for drift in _carried(connection, since)
        if drift.property_name not in _known(contracts, drift.event_name)
    ]
    return sorted(
        found,
        key=lambda drift: (
            -drift.first_day.toordinal(),
            drift.source,
            drift.event_name,
            drift.property_name,
        ),
    )


def _known(contracts: Contracts, event_name: str) -> frozenset[str]:
    contract = contracts.find(event_name)
    return contract.known if contract else frozenset()


def _carried(connection: psycopg.Connection, since: date) -> Iterator[Drift]:
    rows = connection.execute(
        """
        with looked_at as (
            select
                source,
                event_name,
                occurred_on,
                properties
            from raw.events
            where occurred_on >= %s
        ),

        of_kind as (
            select source, event_name, count(*) as event_count
            from looked_at
            group by source, event_name
        )

        select
            looked_at.source,
            looked_at.event_name,
            names.property_name,
            count(*),
            count(*) / min(of_kind.event_count)::double precision,
            min(looked_at.occurred_on),
            max(looked_at.occurred_on)
        from looked_at
        inner join of_kind using (source, event_name)
        cross join lateral jsonb_object_keys(looked_at.properties) as names (
            property_name
        )
        group by looked_at.source, looked_at.event_name, names.property_name
        """,
        (since,),
    )
    for row in rows:
        yield Drift(*row)
