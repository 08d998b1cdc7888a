"""A night reads what changed: no model reads all of a table that grows with history."""

import json
import re

from orchestration.warehouse.connection import connect
from tests.warehouse.histories import begin_build, run_dbt

# Tables that grow with neither persons nor days, and the notes of a build.
SMALL = re.compile(
    r"(ops|registry|published|pg_catalog)\..*"
    r"|raw\.app_(campaigns|campaign_spend|content|exchange_rates|listings|occasions"
    r"|providers|services|availability|persons)"
    r"|marts\.(days|exchange_rates)"
    r"|identity\.(excluded_accounts|kept_firsts|persons|rules)"
)
# Whose parts of a day are read whole, as they must.
PARTITION = re.compile(r"raw\.events_\d{8}")
# Cheaper to hash than to look into for every row of a day.
SIDES = {
    "int_units_matched": {"identity.device_owners"},
    "person_sessions_daily": {"identity.device_owners"},
}
# Of these, the models that do are known, and still read tables whole.
OTHERS = ("marts/marketplace/", "marts/revenue/", "marts/funnels/", "int_funnel_")
GROWING = """
    select tables.oid
    from pg_class as tables
    where
        tables.relkind in ('r', 'i')
        and tables.relnamespace = any(array[
            'raw', 'identity', 'intermediate', 'marts'
        ]::regnamespace[])
"""


def whole_relations(plan, parent=""):
    """Yield every table of which no condition says which rows to read."""
    is_scan = plan["Node Type"] in ("Seq Scan", "Index Scan", "Index Only Scan")
    # The first row of an index is the least of all.
    if is_scan and "Index Cond" not in plan and parent != "Limit":
        yield f"{plan['Schema']}.{plan['Relation Name']}"
    for part in plan.get("Plans", []):
        yield from whole_relations(part, plan["Node Type"])


def empty_tables(connection):
    """Return the tables that nothing makes the planner believe to be large."""
    rows = connection.execute(
        "select oid::regclass::text from pg_class"
        f" where oid in ({GROWING}) and pg_relation_size(oid) = 0"
    )
    return {name for (name,) in rows}


def pretend_large(connection):
    """Tell the planner of ten million rows a table, of 360 days and many persons."""
    connection.execute(
        "update pg_class set reltuples = 1e7, relpages = greatest(relpages, 1)"
        f" where oid in ({GROWING})"
    )
    connection.execute(
        f"""
        update pg_statistic
        set
            stadistinct = case typed.atttypid
                when 'date'::regtype then 360
                when 'text'::regtype then -0.1
                else stadistinct
            end,
            stakind1 = 0, stakind2 = 0, stakind3 = 0, stakind4 = 0, stakind5 = 0
        from pg_attribute as typed
        where
            starelid in ({GROWING})
            and typed.attrelid = starelid
            and typed.attnum = staattnum
        """
    )


def whole_reads(connection, compiled):
    empty = empty_tables(connection)
    for item in compiled.results:
        node = item.node
        is_table = node.resource_type == "model" and node.schema != "staging"
        if is_table and not any(part in node.path for part in OTHERS):
            found = connection.execute(
                f"explain (format json, verbose) {node.compiled_code}"
            ).fetchone()[0]
            plan = (found if isinstance(found, list) else json.loads(found))[0]["Plan"]
            tables = {
                table
                for table in whole_relations(plan)
                if table not in empty
                and not (SMALL.fullmatch(table) or PARTITION.fullmatch(table))
            }
            if tables - SIDES.get(node.name, set()):
                yield node.name, tables


def test_no_model_reads_all_of_a_table_that_grows(simulated_world):
    with connect(simulated_world.url, application_name="tests") as connection:
        [(day,)] = connection.execute("select max(day) from marts.days").fetchall()
        build_id, _ = begin_build(connection)
        with connection.transaction():
            connection.execute(
                "insert into ops.changed values (%s, '*', %s)", (build_id, day)
            )
        compiled = run_dbt(
            simulated_world.url, build_id=build_id, days=[day], command="compile"
        )
        with connection.transaction(force_rollback=True):
            pretend_large(connection)
            found = dict(whole_reads(connection, compiled))
    assert found == {}
