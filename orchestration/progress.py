"""What a person sees while a job runs in a terminal."""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from orchestration.runs import RunReport, run_job

# What a person calls the steps of our jobs; a test keeps the list whole.
STEPS = {
    "registry__definitions": "read the registry",
    "raw__landing_files": "load landing files",
    "raw__landing_files_rows_equal_the_ledger": "check rows against the ledger",
    "app_tables": "extract the app database",
    "dbt_models": "build and test the models",
    "ops__builds_metrics_match_raw_events": "check metrics against raw events",
    "ops__builds_sessions_hold_every_interactive_event": "check sessions of the events",
    "ops__builds_sessions_count_their_views": "check views of the sessions",
    "ops__builds_amounts_have_their_rates": "check rates of exchange",
    "experiments__experiment_results": "compare experiments",
    "segments": "decide who belongs to segments",
    "published__status": "publish",
    "published__closed_days": "close days that are over",
    "published__closed_days_meet_expectations": "check expectations",
    "published__closed_days_sampled_days_are_as_built": "look at old days again",
    "privacy__retention": "drop what may not be kept",
    "privacy__retention_every_column_is_classified": "check what is classified",
    "privacy__retention_receipts_are_whole": "check the receipts of erasures",
    "reports__daily_overview": "render the daily overview",
    "ops__runs": "forget old runs",
}

_MARKS = {
    "succeeded": "[green]done[/]         ",
    "skipped": "[dim]left out[/]     ",
    "failed": "[red]failed[/]       ",
    "waiting to try again": "[yellow]will retry[/]   ",
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
    console = console or Console(highlight=False, soft_wrap=True, file=sys.stdout)
    with console.status(f"{job}: reading the definitions") as status, _told_to(log):
        report = run_job(job, url=url, progress=_Lines(job, console, status).tell)
    for message in report.messages:
        console.print(f"[red]{escape(message)}[/]")
    for check in report.failed_checks:
        console.print(f"check did not hold: {check}")
    outcome = "succeeded" if report.succeeded else "FAILED"
    console.print(
        f"{job} {outcome} in {report.seconds:.1f} s (run {report.run_id[:8]})"
    )
    if not report.succeeded:
        console.print(f"what the tools said: {log}")
    return report


class _Lines:
    """Prints a line for each step that ends, and what the one at work says."""

    def __init__(self, job: str, console: Console, status: Status) -> None:
        self._job = job
        self._console = console
        self._status = status
        self._began: dict[str, float] = {}

    def tell(self, report: RunReport, step: str, state: str, at: float) -> None:
        """Take note of what became of a step, or of what it says."""
        name = STEPS.get(step, step.replace("__", "/"))
        if state == "started":
            self._began[step] = at
            self._status.update(f"{self._job}: {name}")
        elif state in _MARKS:
            seconds = at - self._began.get(step, at)
            fact = _fact(step, report.metadata) if state == "succeeded" else ""
            self._console.print(
                f"  {name:<34}{_MARKS[state]}{seconds:6.1f} s   {escape(fact)}".rstrip()
            )
        else:
            first_line = state.partition("\n")[0]
            self._status.update(f"{self._job}: {name}: {escape(first_line)}")


def _fact(step: str, metadata: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the one thing about a step that a person wants to know."""
    if step == "raw__landing_files":
        loaded = metadata.get("raw/landing_files", {})
        if not loaded.get("records"):
            return "nothing new"
        return f"{loaded['records']:,} records of {loaded['files_loaded']:,} files"
    if step == "dbt_models":
        build = metadata.get("ops/builds", {})
        if not build.get("is_new"):
            return "nothing to build"
        return f"build {build['build_id']}: {build['days_with_news']} days with news"
    if step == "published__status":
        return str(metadata.get("published/status", {}).get("publication", ""))
    return ""


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
