"""Worlds at the edge: next to nobody in them, or most of their files there already."""

from datetime import date

import polars as pl
import pytest

from orchestration.simulation.app_tables import app_tables
from orchestration.simulation.days import Planner
from orchestration.simulation.marketplace import simulate
from orchestration.simulation.setting import draw_setting
from orchestration.simulation.world import Troubles, World

WORLD = World(seed=3, persons=300, days=6, start_on=date(2026, 10, 22), activity=0.6)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("simulated")
    simulate(WORLD, home / "landing", home / "truth")
    return home


def planned(world):
    planner = Planner(draw_setting(world))
    for day in range(world.days):
        planner.plan(day)
    return planner


@pytest.mark.parametrize("troubles", [Troubles(), Troubles.none()])
@pytest.mark.parametrize("activity", [0.0, 0.3])
def test_worlds_in_which_next_to_nothing_happens_can_be_told(
    troubles, activity, tmp_path
):
    world = World(persons=1, days=2, activity=activity, troubles=troubles)
    simulate(world, tmp_path / "landing", tmp_path / "truth")
    assert app_tables(planned(world))["booking_events"]["new_status"].dtype == pl.String
    assert "is_counted" in pl.read_parquet(tmp_path / "truth" / "exposures.parquet")


def test_truth_does_not_depend_on_which_files_are_written(made, tmp_path):
    last_day = WORLD.days - 1
    simulate(WORLD, tmp_path / "landing", tmp_path / "truth", first_day=last_day)
    for path in (made / "truth").glob("*.parquet"):
        if path.stem != "files":
            again = pl.read_parquet(tmp_path / "truth" / path.name)
            assert again.equals(pl.read_parquet(path)), path.name


def test_who_registers_in_the_truth_has_an_account_in_the_app(made):
    users = app_tables(planned(WORLD))["users"]
    persons = pl.read_parquet(made / "truth" / "funnel_persons.parquet")
    registered = set(persons["user_id"])
    assert registered
    assert registered <= set(users["id"])
