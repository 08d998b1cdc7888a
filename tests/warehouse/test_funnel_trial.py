"""A file is tried over the rows there are, as a build counts, and stored nowhere."""

import random
from pathlib import Path

import pytest
import yaml

from orchestration.funnels.showing import trial_text
from orchestration.funnels.trial import try_funnel
from orchestration.registry.problems import RegistryError
from orchestration.transform.dbt_run import Project
from tests.warehouse.definitions_of_funnels import define_funnels, funnel, step
from tests.warehouse.histories import PROJECT, Event, at, build, load
from tests.warehouse.test_models_funnels import FUNNELS, MODELS, history

REGISTRY = Path(__file__).parents[2] / "registry"


@pytest.fixture
def tried(tmp_path, connection):
    """Return a function that tries a body as the file `drawn.yml`."""

    def run(body, **options):
        file = tmp_path / "drawn.yml"
        text = body if isinstance(body, str) else yaml.safe_dump(body)
        file.write_text(text)
        return try_funnel(
            connection,
            file,
            project=Project(PROJECT, tmp_path / "target"),
            registry_dir=REGISTRY,
            **options,
        )

    return run


def stored(connection):
    counts = [
        connection.execute(f"select count(*) from {table}").fetchone()
        for table in ("registry.versions", "marts.funnel_attempts")
    ]
    connection.commit()
    return counts


def test_a_trial_counts_what_a_build_of_it_counts(database, connection, tried):
    bodies = {name: FUNNELS[name] for name in ("tried", "in_sessions", "in_sequence")}
    define_funnels(connection, bodies)
    load(connection, history(random.Random(3)))
    build(connection, url=database, select=MODELS)
    before = stored(connection)
    for name, body in bodies.items():
        counts = connection.execute(
            "select depth, count(*) from marts.funnel_attempts where funnel_id = %s "
            "group by depth order by depth",
            (name,),
        ).fetchall()
        trial = tried(body)
        steps = [each for each in trial.steps if each["breakdown"] == "total"]
        if name == "in_sequence":
            reached = [each["unit_count"] for each in steps]
            assert reached[0] == sum(count for _, count in counts)
            assert reached[1] == dict(counts)[2]
        assert trial.row_count > 0
        assert trial.edges
    assert stored(connection) == before


def test_a_trial_says_who_is_at_each_edge_and_what_it_cost(database, connection, tried):
    define_funnels(connection, {"other": funnel("click", "conversion")})
    load(
        connection,
        [
            Event("a1", at(), device_id="ann"),
            Event("a2", at(hours=1), "click", device_id="ann"),
            Event("b1", at(), device_id="bob"),
            Event("c1", at(days=9), device_id="late"),
        ],
    )
    build(connection, url=database, select=MODELS)
    connection.execute(
        "update published.status set data_complete_through = '2026-03-20'"
    )
    connection.commit()
    trial = tried(
        funnel("page_view", step("click", within="2 hours")),
        entries=(at().date(), at(days=1).date()),
    )
    text = trial_text(trial)
    assert "total: 50.0 % of 2 mature; 50.0 % of all 2" in text
    assert "1 completed, 0 in_progress, 0 excluded, 1 dropped, 0 left" in text
    assert "1 required steps, dropped:" in text
    assert "cost: 3 rows of 2 units" in text
    assert "ann" not in text
    assert "bob" not in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "title: T\nwindow: soon\nsteps: []\n",
            "drawn.yml:2: window: not a length of time",
        ),
        (
            "title: T\nwindow: 14\nsteps: []\n",
            "drawn.yml:2: window: not a length of time up to 366 days; "
            "allowed: 30 seconds",
        ),
        (
            "title: T\nsteps: [page_view]\n",
            "drawn.yml:2: steps[0]: is not a mapping; allowed: name, events, within",
        ),
        (
            "title: T\nsteps:\n  - name: a\n    events: [{event: page_view}]\n"
            "  - name: b\n    events: [{event: app.paid}]\n",
            "drawn.yml:6: steps[1].events[0].event: no fact of the app is called "
            "'app.paid'; allowed: app.booking_accepted",
        ),
        (
            "title: T\nreentry: latest\nsteps:\n  - name: a\n    optional: true\n"
            "    events: [{event: click}]\n  - name: b\n    events: [{event: click}]\n",
            "drawn.yml:2: reentry: is about attempts in sequence; "
            "allowed: counting: totals",
        ),
    ],
)
def test_a_wrong_file_names_line_field_and_what_is_allowed(
    text, problem, connection, tried
):
    define_funnels(connection, {"other": funnel("click", "conversion")})
    with pytest.raises(RegistryError) as caught:
        tried(text)
    assert problem in str(caught.value)
