"""Erasure in the app tables: behaviour goes in every version, money stays renamed."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from orchestration.privacy.places import Place
from orchestration.privacy.subjects import Subject
from orchestration.raw.app_history import content_hash_sql
from orchestration.raw.app_tables import AppTable, read_app_tables
from orchestration.raw.ledger import open_load

APP_SOURCE = "app"


def erase_app_rows(
    connection: psycopg.Connection,
    subject: Subject,
    *,
    places: Mapping[str, Place],
    timezone: str,
) -> dict[str, int]:
    """Delete or rename the person's rows inside the caller's transaction.

    Returns how many rows changed, by place. The business days of the rows are touched,
    so that builds follow.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('daybook.truth'))")
    _keep_exclusion(connection, subject)
    connection.execute("create temp table touched (event_name text, day date)")
    counts = {}
    for name, table in read_app_tables(connection).items():
        place = places.get(f"raw.app_{name}")
        if place is None:
            continue
        count = 0
        for column in place.delete:
            _note_days(connection, table, column, subject, timezone=timezone)
            count += _delete(connection, table, column, subject)
        for column in place.rename:
            _note_days(connection, table, column, subject, timezone=timezone)
            count += _rename(connection, table, column, subject)
        if count:
            counts[place.name] = count
    if counts:
        # Extracts, and so erasures from what they brought, do not count as events.
        load_id = open_load(
            connection,
            "erasure",
            source=APP_SOURCE,
            reason=f"erasure {subject.erasure_id}",
        )
        connection.execute(
            """
            insert into ops.touched_days (load_id, occurred_on, event_name, row_count)
            select %s, day, event_name, count(*)
            from pg_temp.touched
            where day >= '1970-01-01' and day < current_date + 1100
            group by day, event_name
            """,
            (load_id,),
        )
    connection.execute("drop table pg_temp.touched")
    return counts


def _keep_exclusion(connection: psycopg.Connection, subject: Subject) -> None:
    """Remember why the account is left out: its money stays, and stays left out."""
    connection.execute(
        """
        update privacy.suppressions as known
        set exclusion = case when persons.is_internal then 'internal' else 'test' end
        from raw.app_persons as persons
        where
            known.erasure_id = %s
            and known.kind = 'user'
            and persons.user_id = %s
            and persons.valid_to is null
            and (persons.is_internal or persons.is_test)
        """,
        (subject.erasure_id, subject.user_id),
    )


def _note_days(
    connection: psycopg.Connection,
    table: AppTable,
    column: str,
    subject: Subject,
    *,
    timezone: str,
) -> None:
    for day in table.days:
        instant = sql.Identifier(day)
        if table.columns[day].type != "date":
            instant = sql.SQL("({} at time zone {})::date").format(
                instant, sql.Literal(timezone)
            )
        connection.execute(
            sql.SQL(
                "insert into pg_temp.touched (event_name, day) "
                "select %s, {instant} from {table} "
                "where {column} = %s and {day} is not null"
            ).format(
                instant=instant,
                table=table.relation,
                column=sql.Identifier(column),
                day=sql.Identifier(day),
            ),
            (f"app:{table.name}", subject.user_id),
        )


def _delete(
    connection: psycopg.Connection, table: AppTable, column: str, subject: Subject
) -> int:
    return connection.execute(
        sql.SQL("delete from {} where {} = %s").format(
            table.relation, sql.Identifier(column)
        ),
        (subject.user_id,),
    ).rowcount


def _rename(
    connection: psycopg.Connection, table: AppTable, column: str, subject: Subject
) -> int:
    """Give the rows to the replacement, hashed anew as the next extract will."""
    renamed = connection.execute(
        sql.SQL("update {} set {} = %s where {} = %s").format(
            table.relation, sql.Identifier(column), sql.Identifier(column)
        ),
        (subject.replacement_id, subject.user_id),
    ).rowcount
    if renamed:
        connection.execute(
            sql.SQL("update {} set row_hash = {} where {} = %s").format(
                table.relation, content_hash_sql(table), sql.Identifier(column)
            ),
            (subject.replacement_id,),
        )
    return renamed
