"""What the guide tells a person to change adds a metric."""

import re
import shutil
import subprocess
from pathlib import Path

from orchestration.registry.reading import load_registry
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project
from orchestration.transform.run import run_build
from tests.warehouse.histories import Event, at, load, point_dbt_at

ROOT = Path(__file__).parents[2]


def test_a_metric_added_by_the_guide_is_built_and_counted(
    database, connection, tmp_path
):
    guide = (ROOT / "docs" / "guides" / "add-a-metric.md").read_text()
    (change,) = re.findall(r"^```diff\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    for folder in ("dbt_project", "registry"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    command = ["git", "apply", "-p0", "-C1", "-"]
    subprocess.run(command, cwd=tmp_path, input=change.encode(), check=True)

    registry = load_registry(tmp_path / "registry")
    assert "searches" in registry.metrics()
    assert "searches" in registry.reports()["daily_overview"].metrics
    load(
        connection,
        [
            Event("a", at(), "search_performed"),
            Event("b", at(minutes=1), "search_performed"),
            Event("c", at(minutes=2), "search_performed", is_bot=True),
            Event("d", at(days=1)),
        ],
    )
    point_dbt_at(database)
    project = Project(tmp_path / "dbt_project", tmp_path / "target")
    report = run_build(database, project=project, request=Request(run_id="test"))
    assert report.failure is None
    rows = connection.execute(
        "select value from marts.metrics_daily where metric_id = 'searches' "
        "order by day"
    ).fetchall()
    assert rows == [(2,), (0,)]
