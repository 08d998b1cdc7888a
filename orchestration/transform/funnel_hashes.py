"""Definition hashes of funnels: each is built anew on its own, where it changed.

Models that hold many funnels do not change when one of them does; what they store of it
is replaced. Its rows are read off all events again only where they themselves changed.
"""

import psycopg

from orchestration.transform.model_hashes import FUNNEL, Definition, hash_of


def funnel_definitions(connection: psycopg.Connection) -> dict[str, Definition]:
    """Return the rows of every funnel in force, and what is made of them, by name."""
    found: dict[str, Definition] = {}
    for funnel_id, rows_hash, plan_hash in connection.execute(
        "select funnel_id, rows_hash, plan_hash from registry.funnel_definitions "
        "order by funnel_id"
    ):
        rows, funnel = f"rows of {FUNNEL}{funnel_id}", f"{FUNNEL}{funnel_id}"
        found[rows] = Definition(rows, own_hash=rows_hash, hash=rows_hash, parents=())
        found[funnel] = Definition(
            funnel,
            own_hash=plan_hash,
            hash=hash_of([plan_hash, rows_hash]),
            parents=(rows,),
        )
    return found
