"""What a person sees while a job runs in a terminal."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from rich.console import Console

from orchestration.runs import RunReport, run_job

_MARKS = {
    "succeeded": "[green]done[/]",
    "skipped": "[dim]nothing to do[/]",
    "failed": "[red]failed[/]",
    "waiting to try again": "[yellow]will try again[/]",
}


def show_run(
    job: str, *, url: str, log: Path, console: Console | None = None
) -> RunReport:
    """Run a job with a line per step, and say what failed and where to look.

    Parameters
    ----------
    log : Path
        Gets what Dagster, dbt and the libraries say meanwhile.
    """
    # Bound to the terminal now: libraries write to what stands in its place.
    console = console or Console(highlight=False, file=sys.stdout)
    started: dict[str, float] = {}
    with (
        console.status(f"{job}: reading the definitions") as status,
        _told_to(log),
    ):

        def tell(step: str, state: str, at: float) -> None:
            if state == "started":
                started[step] = at
                status.update(f"{job}: {_name(step)}")
                return
            seconds = at - started.get(step, at)
            console.print(f"  {_name(step):<34} {_MARKS[state]:<14} {seconds:6.1f} s")

        report = run_job(job, url=url, progress=tell)
    for message in report.messages:
        console.print(f"[red]{message}[/]", markup=True)
    for check in report.failed_checks:
        console.print(f"check did not hold: {check}")
    outcome = "succeeded" if report.succeeded else "FAILED"
    console.print(
        f"{job} {outcome} in {report.seconds:.1f} s (run {report.run_id[:8]})"
    )
    if not report.succeeded:
        console.print(f"what the tools said: {log}")
    return report


@contextmanager
def _told_to(log: Path) -> Iterator[None]:
    """Send everything that is printed or logged to a file of the owner's."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        log.chmod(0o600)
        root = logging.getLogger()
        before = root.handlers[:]
        root.handlers = [logging.StreamHandler(stream)]
        try:
            with redirect_stdout(stream), redirect_stderr(stream):
                yield
        finally:
            root.handlers = before


def _name(step: str) -> str:
    return step.replace("__", "/")
