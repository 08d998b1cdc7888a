"""What a person reads while a job runs."""

import io

from rich.console import Console
from rich.status import Status

from orchestration.progress import STEPS, _fact, _Lines
from orchestration.runs import RunReport

LOADED = {"raw/landing_files": {"records": 10_933, "files_loaded": 49}}
BUILT = {"ops/builds": {"is_new": True, "build_id": 7, "days_with_news": 3}}


def printed(*steps, metadata=None):
    """Return the lines that steps leave, each started and ended at once."""
    written = io.StringIO()
    console = Console(file=written, highlight=False, soft_wrap=True)
    lines = _Lines("refresh", console, Status("", console=console))
    report = RunReport(run_id="r", job="refresh", metadata=metadata or {})
    for step, state in steps:
        lines.tell(report, step, "started", 10.0)
        lines.tell(report, step, state, 12.5)
    return written.getvalue().splitlines()


def test_columns_stand_under_each_other():
    every = [(step, "succeeded") for step in STEPS]
    lines = printed(*every, ("dbt_models", "failed"), ("app_tables", "skipped"))
    ends = {line.index("2.5 s") for line in lines}
    assert len(ends) == 1
    assert len(lines) == len(STEPS) + 2


def test_a_step_says_the_one_thing_that_matters():
    assert _fact("raw__landing_files", LOADED) == "10,933 records of 49 files"
    assert _fact("raw__landing_files", {"raw/landing_files": {"records": 0}}) == (
        "nothing new"
    )
    assert _fact("dbt_models", BUILT) == "build 7: 3 days with news"
    assert _fact("dbt_models", {"ops/builds": {"is_new": False}}) == "nothing to build"


def test_a_failed_step_claims_nothing():
    [line] = printed(("dbt_models", "failed"), metadata=BUILT)
    assert " ".join(line.split()) == "build and test the models failed 2.5 s"


def test_what_a_step_says_is_shown_and_not_kept():
    assert printed(("raw__landing_files", "web/a.ndjson: [b] 5 records")) == []
