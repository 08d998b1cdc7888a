"""Two marts made by hand, for tests of publishing that need no dbt."""

from datetime import date, timedelta

from orchestration.quality.published_tables import PublishedTable
from orchestration.quality.publishing import Terms, publish
from orchestration.transform.builds import Request, begin_build, finish_build

DAILY = PublishedTable(
    name="daily",
    schema="marts",
    key=("day", "place"),
    day="day",
    is_incremental=True,
    description="One row per day and place.",
    column_descriptions=(("visits", "How many came."),),
)
PLACES = PublishedTable(name="places", schema="marts", key=("place",))
TABLES = (DAILY, PLACES)

MARTS = """
    create schema marts;
    create table marts.daily (day date not null, place text not null, visits bigint);
    create table marts.places (place text not null, title text)
"""


def day(number: int) -> date:
    return date(2026, 3, 1) + timedelta(days=number - 1)


def make_marts(connection) -> None:
    with connection.transaction():
        connection.execute(MARTS)


def build(url, connection, *, visits=(), refreshed=(), failure=None) -> int:
    """Run a build that sets visits per (day, place) and says which days it changed."""
    request = Request(run_id="test", is_wanted_anyway=True)
    made = begin_build(url, request=request, definitions={})
    with connection.transaction():
        connection.execute(
            "update ops.builds set refreshed_models = %s where build_id = %s",
            (list(refreshed), made.build_id),
        )
        for number, place, count in visits:
            write_visits(connection, number, place, count)
            connection.execute(
                "insert into ops.changed values (%s, 'daily', %s) "
                "on conflict do nothing",
                (made.build_id, day(number)),
            )
    finish_build(made, failure=failure)
    return made.build_id


def write_visits(connection, number, place, count) -> None:
    connection.execute(
        "delete from marts.daily where day = %s and place = %s", (day(number), place)
    )
    if count is not None:
        connection.execute(
            "insert into marts.daily values (%s, %s, %s)", (day(number), place, count)
        )


def complete_through(connection, number, source="web") -> None:
    """Say that a source is complete up to the beginning of a day."""
    with connection.transaction():
        connection.execute(
            "insert into ops.watermarks (source, data_complete_through, rule) "
            "values (%s, %s, 'calendar') on conflict (source) do update "
            "set data_complete_through = excluded.data_complete_through",
            (source, day(number)),
        )


def publish_all(connection, tables=TABLES, **terms):
    return publish(connection, tables=tables, terms=Terms(**terms))


def seen(connection, query="select day, place, visits from published.daily"):
    with connection.transaction():
        return sorted(connection.execute(query).fetchall())


def status(connection) -> dict[str, object]:
    with connection.transaction():
        cursor = connection.execute("select * from published.status")
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))
