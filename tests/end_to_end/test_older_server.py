"""The main job on a server that is not ours, as a role that may do little."""

import os
import re
import subprocess
import sys

import pytest
from psycopg import sql

from orchestration.warehouse.connection import connect, sibling_url
from tests.end_to_end.house import ROOT
from tests.older_servers import needs_it, oldest_server

DAYBOOK = "from orchestration.cli import main; main()"
ROLE, PASSWORD = "keeper", "as long as it is a secret"


@pytest.fixture
def warehouse_url(shared_server_home):
    """The URL of an empty database of a role that may create databases and roles."""
    with oldest_server(shared_server_home) as url:
        with connect(url, application_name="tests", autocommit=True) as server:
            server.execute(
                sql.SQL(
                    "create role keeper login nosuperuser createdb createrole "
                    "password {}"
                ).format(sql.Literal(PASSWORD))
            )
            server.execute("create database keeping owner keeper")
        theirs = sibling_url(url, "keeping")
        password = PASSWORD.replace(" ", "%20")
        yield theirs.replace("//daybook@", f"//{ROLE}:{password}@")


@needs_it
@pytest.mark.long
def test_the_demo_runs_on_the_oldest_supported_postgres(warehouse_url, tmp_path):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not re.match("DAYBOOK_|DBT_|DAGSTER_", name)
    }
    told = {"DAYBOOK_HOME": str(tmp_path), "DAYBOOK_DATABASE_URL": warehouse_url}

    def daybook(*arguments):
        finished = subprocess.run(
            [sys.executable, "-c", DAYBOOK, *arguments],
            cwd=ROOT,
            env={**kept, **told, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        said = finished.stdout + finished.stderr
        assert finished.returncode == 0, said
        return said

    first = daybook("demo", "--persons", "30", "--days", "3")
    assert "records loaded" in first
    again = daybook("demo", "--persons", "30", "--days", "3")
    assert "nothing new was loaded, nothing was rebuilt" in again
    assert daybook("gaps").strip() == "0 gaps"
    # The password stands in nothing that was said or written down.
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [
        path
        for path in written
        if PASSWORD.encode() in path.read_bytes()
        or PASSWORD.replace(" ", "%20").encode() in path.read_bytes()
    ]
    assert PASSWORD.replace(" ", "%20") not in first + again
    with connect(warehouse_url, application_name="tests") as connection:
        found = connection.execute(
            """
            select count(*) > 0,
                has_table_privilege('bi_reader', 'published.metrics_daily', 'select'),
                has_schema_privilege('bi_reader', 'marts', 'usage')
            from published.metrics_daily
            """
        ).fetchone()
        assert found == (True, True, False)
