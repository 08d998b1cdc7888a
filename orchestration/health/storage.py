"""Storage: how many bytes an event takes, keys and its share of indexes included."""

from dataclasses import dataclass

import psycopg

# So many rows of every kind say what its rows weigh.
SAMPLE = 2000


@dataclass(frozen=True)
class KindStorage:
    """What the events of one kind take.

    Attributes
    ----------
    row_bytes : float
        Of a row in raw.events, its header included.
    total_bytes : float
        With its key in raw.event_keys, with indexes and with what pages leave empty.
    """

    event_name: str
    event_count: int
    row_bytes: float
    total_bytes: float

    def __str__(self) -> str:
        """Return it as a line."""
        return (
            f"{self.event_name}  {self.event_count:,} events  "
            f"{self.row_bytes:,.0f} bytes a row, {self.total_bytes:,.0f} in all"
        )


def read_storage(connection: psycopg.Connection) -> list[KindStorage]:
    """Return bytes per event by kind, those that take most first.

    What is not in the rows themselves, such as keys and indexes, is told by relation
    only: each event carries an even share of it.
    """
    rows = connection.execute(_STORAGE, {"sample": SAMPLE})
    return [KindStorage(*row) for row in rows]


# A row has a header of 23 bytes, padded to 24, and a pointer of 4 on its page.
_STORAGE = """
    with counted as (
        select
            touched.event_name,
            sum(touched.row_change)::bigint as event_count
        from ops.touched_days as touched
        where touched.event_name <> '*'
        group by touched.event_name
        having sum(touched.row_change) > 0
    ),

    weighed as (
        select
            counted.event_name,
            counted.event_count,
            28 + avg(pg_column_size(sampled.*) - 24)::double precision as row_bytes
        from counted
        cross join lateral (
            select events.*
            from raw.events as events
            where events.event_name = counted.event_name
            limit %(sample)s
        ) as sampled
        group by counted.event_name, counted.event_count
    ),

    relations as (
        select (
            pg_total_relation_size('raw.event_keys')
            + (
                select coalesce(sum(pg_total_relation_size(leaves.relid)), 0)
                from pg_partition_tree('raw.events') as leaves
                where leaves.isleaf
            )
        )::double precision as total_bytes
    )

    select
        weighed.event_name,
        weighed.event_count,
        weighed.row_bytes,
        weighed.row_bytes + greatest(0, (
            relations.total_bytes
            - sum(weighed.row_bytes * weighed.event_count) over ()
        ) / sum(weighed.event_count) over ())
    from weighed
    cross join relations
    order by weighed.row_bytes * weighed.event_count desc, weighed.event_name
"""
