"""`daybook show`: looks behind the numbers, for a terminal. Changes nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.opening import fail, open_warehouse

if TYPE_CHECKING:
    import psycopg

show = typer.Typer(help="Looks behind the numbers.", no_args_is_help=True)

Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")]


@contextmanager
def _published() -> Iterator["psycopg.Connection"]:
    """Yield a connection to what readers see, or say that there is nothing yet."""
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (_, url),
        connect(url, application_name="daybook show") as connection,
    ):
        found = connection.execute(
            "select publication_id from published.status "
            "where publication_id is not null"
        ).fetchone()
        if found is None:
            fail("nothing is published yet; `daybook run refresh` does it")
        yield connection


@show.command()
def number(
    metric: Annotated[str, typer.Argument(help="Like active_users.")], day: Day
) -> None:
    """Say what a number means, what it is made of, and which loads it rests on."""
    from orchestration.quality.provenance import explain_number  # noqa: PLC0415

    with _published() as connection:
        lines = explain_number(connection, metric, day.date())
    if lines is None:
        fail(f"no metric is called {metric!r}; registry/metrics.yml has them")
    typer.echo("\n".join(lines))


@show.command()
def recent() -> None:
    """Say what happened of late, in five ranges, and where sessions went."""
    from orchestration.quality.recent import tell_recent  # noqa: PLC0415

    with _published() as connection:
        for line in tell_recent(connection):
            typer.echo(line)


@show.command()
def drift(
    days: Annotated[int, typer.Option(min=1, help="Up to today.")] = 30,
) -> None:
    """List properties that events carry and no contract names, newest first."""
    from orchestration.raw.definitions import read_definitions  # noqa: PLC0415
    from orchestration.raw.drift import find_drift  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    since = datetime.now(tz=UTC).date() - timedelta(days=days)
    with (
        open_warehouse() as (settings, url),
        connect(url, application_name="daybook show") as connection,
    ):
        contracts = read_definitions(url, settings.registry_dir).contracts
        found = find_drift(connection, contracts, since=since)
    for each in found:
        typer.echo(each)
    typer.echo(f"{len(found)} properties that no contract names")


@show.command()
def schema() -> None:
    """Print every table and view that migrations made, with their columns."""
    from orchestration.warehouse.connection import connect  # noqa: PLC0415
    from orchestration.warehouse.schema_document import (  # noqa: PLC0415
        describe_schema,
    )

    with (
        open_warehouse() as (_, url),
        connect(url, application_name="daybook show") as connection,
    ):
        typer.echo(describe_schema(connection), nl=False)


@show.command()
def storage() -> None:
    """List how many bytes an event takes by kind, keys and indexes included."""
    from orchestration.health.storage import read_storage  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (_, url),
        connect(url, application_name="daybook show") as connection,
    ):
        kinds = read_storage(connection)
    for kind in kinds:
        typer.echo(kind)
    if not kinds:
        typer.echo("no event is stored")


@show.command()
def content(
    content_id: Annotated[str | None, typer.Argument(help="One; or all.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="An instant in UTC; or now.")
    ] = None,
) -> None:
    """Print content as it was at an instant, a JSON object a line, to be put back."""
    from orchestration.quality.content import content_as_of  # noqa: PLC0415

    instant = as_of.replace(tzinfo=UTC) if as_of else datetime.now(tz=UTC)
    with _published() as connection:
        for row in content_as_of(connection, instant, content_id=content_id):
            typer.echo(json.dumps(row, ensure_ascii=False))
