"""Opening the warehouse for a command: its server up, its schema current."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from orchestration.settings import Settings, export_environment, read_settings


@contextmanager
def open_warehouse(*, keep_running: bool = False) -> Iterator[tuple[Settings, str]]:
    """Yield the settings and the URL of the warehouse, and tell every child of it."""
    from orchestration.warehouse.server import warehouse  # noqa: PLC0415

    settings = read_settings()
    with warehouse(settings, keep_running=keep_running) as url:
        export_environment(settings, url)
        if "://" not in settings.landing_url:
            Path(settings.landing_url).mkdir(mode=0o700, parents=True, exist_ok=True)
        yield settings, url


def fail(message: str) -> NoReturn:
    """Say what is wrong and exit with 1."""
    typer.echo(message, err=True)
    raise typer.Exit(1)
