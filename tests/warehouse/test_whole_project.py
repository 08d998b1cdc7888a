"""The real models, built bit by bit, equal the same models built from nothing."""

import random

import pytest

from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.transform.builds import Request
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.equivalence import digest_models, unpublished_tables
from orchestration.transform.run import run_build
from tests.warehouse.histories import (
    PROJECT,
    load,
    point_dbt_at,
    remove,
    shuffled_batches,
)
from tests.warehouse.test_sessions import history

REQUEST = Request(run_id="test")


@pytest.mark.parametrize(
    "seed", [0, *[pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10)]]
)
def test_incremental_builds_and_publications_equal_a_full_rebuild(
    seed, database, connection, tmp_path
):
    point_dbt_at(database)
    project = Project(PROJECT, tmp_path / "target")
    tables = published_tables(load_manifest(project))
    chance = random.Random(seed)
    events = history(chance)

    def build_and_publish():
        report = run_build(database, project=project, request=REQUEST)
        assert report.failure is None
        publish(connection, tables=tables, terms=Terms(build_id=report.build_id))
        assert unpublished_tables(connection, tables) == []

    for batch in shuffled_batches(events, count=3, chance=chance):
        load(connection, batch)
        build_and_publish()
    remove(connection, chance.sample(events, k=len(events) // 10))
    build_and_publish()

    incremental = digest_models(connection)
    assert incremental["marts.sessions"].row_count > 0
    with connection.transaction():
        connection.execute("delete from ops.models")
    build_and_publish()
    assert digest_models(connection) == incremental
