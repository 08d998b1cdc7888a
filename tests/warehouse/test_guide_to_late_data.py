"""The example of the guide to late data happens as the guide says."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from orchestration.experiments import publication as experiments
from orchestration.quality.published_tables import published_tables
from orchestration.quality.published_views import published_views
from orchestration.quality.publishing import Terms, publish
from orchestration.registry.storing import refresh_registry
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.run import read_plan, run_build
from tests.warehouse.histories import PROJECT, Event, at, load, point_dbt_at
from tests.warehouse.made_marts import complete_through

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "late-data.md").read_text()
BLOCKS = re.findall(r"^```(sql|text)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
DAYS = 14


def shown(rows):
    return "".join(" | ".join(map(str, row)) + "\n" for row in rows)


@pytest.fixture
def lived(database, connection, tmp_path):
    """The warehouse of the example before the late row, and how to go on."""
    point_dbt_at(database)
    assert refresh_registry(connection, ROOT / "registry").problems == ()
    connection.commit()
    project = Project(PROJECT, tmp_path / "target")

    def night():
        report = run_build(database, project=project, request=Request(run_id="test"))
        assert report.failure is None, report.failure
        marts = published_tables(load_manifest(project))
        tables = [*marts, *experiments.TABLES]
        terms = Terms(is_closing=True)
        publish(connection, tables=tables, terms=terms, views=published_views())

    complete_through(connection, DAYS + 1)
    load(
        connection,
        [
            Event(
                f"e{person}-{day}",
                at(days=day, hours=10) + timedelta(minutes=person),
                device_id=f"d{person}",
                user_id=f"u{person}",
                page_path="/",
            )
            for person in range(3)
            for day in range(DAYS)
        ],
    )
    night()
    return lambda: read_plan(database, project), night


def test_the_straggler_of_the_guide_changes_what_the_guide_says(lived, connection):
    plan, night = lived
    late = at(days=1, hours=12)
    load(
        connection,
        [Event("late", late, device_id="d9", user_id="u9", page_path="/")],
    )
    said = iter(BLOCKS)
    assert next(said) == ("text", plan().text() + "\n")
    night()
    for language, query in said:
        assert language == "sql"
        rows = connection.execute(query).fetchall()
        assert ("text", shown(rows)) == next(said)
    assert len(BLOCKS) == 7
    changed = "select min(day) from ops.changed where build_id = 2"
    assert connection.execute(changed).fetchone() == (late.date(),)
