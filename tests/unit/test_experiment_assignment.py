"""Which variant a unit gets, against the hash letter by letter and published values."""

import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.experiments.assignment import assign_arms, bucket_places
from orchestration.experiments.assignment_file import write_assignments
from orchestration.registry.experiments import Experiment
from tests.unit.made_registry import write_registry

# GrowthBook's own cases for hash version 2 (its SDK test cases): seed, unit, place.
PUBLISHED = [
    ("seed", "a", 0.0505),
    ("seed", "b", 0.2696),
    ("foo", "ab", 0.2575),
    ("foo", "def", 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 0.124),
    ("90850943850283058242805", "123", 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 0.0128),
]


def fnv(text):
    value = 0x811C9DC5
    for letter in text.encode():
        value = ((value ^ letter) * 0x01000193) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize(("seed", "unit", "place"), PUBLISHED)
def test_places_are_those_that_growthbook_publishes(seed, unit, place):
    assert bucket_places(seed, [unit]).tolist() == [place]


def test_a_batch_of_any_text_equals_one_unit_at_a_time():
    units = ["", "ü", "名前", *(f"u {at}" * (at % 4) for at in range(999))]
    expected = [fnv(str(fnv("seed" + unit))) % 10_000 / 10_000 for unit in units]
    assert bucket_places("seed", units).tolist() == expected


@pytest.mark.parametrize(
    ("weights", "count"),
    [
        pytest.param((1, 3, 6), 1_000_000, marks=pytest.mark.long),
        ((1, 3, 6), 100_000),
        ((1, 1), 30_000),
        ((9_999, 1), 30_000),
        ((1, 0, 1), 30_000),
    ],
)
def test_shares_of_many_units_are_within_binomial_bounds(weights, count):
    units = [f"{number:08}" for number in range(count)]
    found = np.bincount(assign_arms("shares", units, weights=weights), minlength=2)
    for share, weight in zip(found, weights, strict=False):
        low, high = binom.interval(0.9999, count, weight / sum(weights))
        assert low <= share <= high


def test_arms_of_two_experiments_do_not_depend_on_each_other():
    units = [f"u{number}" for number in range(40_000)]
    first, second = (assign_arms(each, units, weights=(1, 1)) for each in ("a", "b"))
    low, high = binom.interval(0.9999, len(units), 0.5)
    assert low <= (first == second).sum() <= high


def test_more_weight_takes_units_of_its_neighbour_alone():
    units = [f"u{number}" for number in range(10_000)]
    small = assign_arms("a", units, weights=(9, 1))
    large = assign_arms("a", units, weights=(7, 3))
    assert np.all(large >= small)


@pytest.mark.parametrize("weights", [(-1, 2), (0, 0)])
def test_weights_that_share_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights must not be negative"):
        assign_arms("a", ["u"], weights=weights)


@pytest.mark.parametrize(("weights", "arm"), [((505, 9_495), 1), ((506, 9_494), 0)])
def test_the_bucket_where_a_share_ends_is_of_the_next(weights, arm):
    assert assign_arms("seed", ["a"], weights=weights).tolist() == [arm]


@pytest.mark.parametrize(("day", "weights"), [(1, (1, 1)), (5, (1, 1)), (8, (1, 3))])
def test_the_file_of_1e5_units_has_the_variant_of_each_alone(day, weights):
    experiment = Experiment.model_validate(
        {
            "title": "Button",
            "starts_at": datetime(2026, 3, 3, tzinfo=UTC),
            "arms": [{"variant": "control"}, {"variant": "big"}],
            "phases": [
                {"starts_at": datetime(2026, 3, 8, tzinfo=UTC), "weights": [1, 3]}
            ],
            "metrics": [{"name": "buys", "events": [{"event": "conversion"}]}],
        }
    )
    units = ["ü\u2028\"'", "=1+1", *(f"user {number}" for number in range(99_998))]
    output = io.StringIO()
    write_assignments(
        "button",
        experiment,
        units=[f"{unit}\n" for unit in (*units, "")],
        output=output,
        moment=datetime(2026, 3, day, tzinfo=UTC),
    )
    rows = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [row["unit"] for row in rows] == units
    for row in rows[:: 997 if day > 1 else 1]:
        place = fnv(str(fnv(f"button{row['unit']}"))) % 10_000 / 10_000
        expected = "control" if place < weights[0] / sum(weights) else "big"
        assert row["variant"] == expected


@pytest.fixture
def assigned(tmp_path, monkeypatch):
    """Give what the command makes of the bytes of a file, or of stdin."""
    monkeypatch.setenv("DAYBOOK_REGISTRY", str(write_registry(tmp_path / "registry")))

    def assign(content, *, is_piped):
        path = tmp_path / "units.txt"
        path.write_bytes(content)
        given = "-" if is_piped else str(path)
        arguments = ["experiment", "assign", "button", given]
        return CliRunner().invoke(app, arguments, input=content if is_piped else None)

    return assign


@pytest.mark.parametrize("is_piped", [False, True])
def test_ids_written_on_windows_are_those_that_were_meant(assigned, is_piped):
    finished = assigned("\ufeffann\r\n\r\nbén".encode(), is_piped=is_piped)
    assert finished.exit_code == 0, finished.output
    rows = [json.loads(line) for line in finished.output.splitlines()]
    assert [row["unit"] for row in rows] == ["ann", "bén"]


@pytest.mark.parametrize("is_piped", [False, True])
def test_ids_that_are_not_utf_8_are_refused(assigned, is_piped):
    finished = assigned("ann\nbén\n".encode("latin-1"), is_piped=is_piped)
    assert finished.exit_code == 1
    assert "not UTF-8" in finished.output
    assert "Traceback" not in finished.output
