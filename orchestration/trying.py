"""`daybook funnel` and `daybook experiment`: definitions before they count."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.opening import fail, open_warehouse
from orchestration.settings import read_settings

funnel = typer.Typer(help="Funnels before they are merged.", no_args_is_help=True)
experiment = typer.Typer(help="Experiments before they run.", no_args_is_help=True)


@funnel.command("try")
def try_funnel(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    first_on: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"])
    ] = None,
    last_on: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"])
    ] = None,
) -> None:
    """Say what a funnel's file would count, without storing anything."""
    from orchestration.funnels.showing import trial_text  # noqa: PLC0415
    from orchestration.funnels.trial import try_funnel as try_file  # noqa: PLC0415
    from orchestration.registry.problems import RegistryError  # noqa: PLC0415
    from orchestration.transform.dbt_run import DbtError, Project  # noqa: PLC0415
    from orchestration.warehouse.connection import connect  # noqa: PLC0415

    with (
        open_warehouse() as (settings, url),
        connect(url, application_name="daybook funnel try") as connection,
    ):
        try:
            trial = try_file(
                connection,
                file,
                project=Project.of(settings),
                registry_dir=settings.registry_dir,
                entries=(
                    first_on.date() if first_on else None,
                    last_on.date() if last_on else None,
                ),
            )
        except (RegistryError, DbtError) as problem:
            fail(str(problem))
    typer.echo(trial_text(trial))


@experiment.command()
def size(
    rate: Annotated[
        float | None, typer.Option(help="Rate of the control, such as 0.2.")
    ] = None,
    effect: Annotated[
        float | None, typer.Option(help="Absolute difference to find, such as 0.05.")
    ] = None,
    units: Annotated[
        int | None, typer.Option(help="Units of the control; asks what they find.")
    ] = None,
    variance: Annotated[
        float | None, typer.Option(help="Of a unit's value, for a mean, not a rate.")
    ] = None,
    daily_units: Annotated[
        float | None, typer.Option(help="Units a day in both arms; adds the days.")
    ] = None,
    design: Annotated[
        str, typer.Option(help="Like alpha=0.05,power=0.8,allocation=1,null=pooled.")
    ] = "",
) -> None:
    """Say how many units an experiment needs, or what so many can find."""
    from orchestration.experiments.sizing import (  # noqa: PLC0415
        Question,
        answer,
        read_design,
    )

    question = Question(rate, variance, effect, units, daily_units)
    try:
        typer.echo(answer(question, read_design(design)))
    except ValueError as problem:
        fail(str(problem))


@experiment.command()
def assign(
    experiment_id: Annotated[str, typer.Argument(metavar="EXPERIMENT")],
    units: Annotated[
        typer.FileText,
        typer.Argument(
            help="Ids, one a line; - reads them from stdin.", encoding="utf-8-sig"
        ),
    ],
) -> None:
    """Print the variant of every unit, one JSON object a line."""
    from orchestration.experiments.assignment_file import (  # noqa: PLC0415
        write_assignments,
    )
    from orchestration.registry.problems import RegistryError  # noqa: PLC0415
    from orchestration.registry.reading import load_registry  # noqa: PLC0415

    try:
        known = load_registry(read_settings().registry_dir).experiments()
    except RegistryError as problem:
        fail(str(problem))
    if experiment_id not in known:
        names = ", ".join(sorted(known)) or "none yet"
        fail(
            f"no experiment is called {experiment_id!r}; registry/experiments: {names}"
        )
    try:
        write_assignments(
            experiment_id,
            known[experiment_id],
            units=units,
            output=sys.stdout,
            moment=datetime.now(UTC),
        )
    except UnicodeDecodeError:
        fail("the ids are not UTF-8")
