"""Every metric that is computed is described, and its proof exists."""

import re

import yaml

from tests.house.test_requirements_table import missing

REGISTRY = "registry/metrics.yml"
WHOLE = "dbt_project/macros/metrics.sql"
MONEY = "dbt_project/models/marts/overview/operations_dated.sql"


def computed(tree):
    """Return the metrics of every day, and those that are split by currency only."""
    money = re.findall(r"values(.*)\) as money", tree.text(MONEY), re.DOTALL)
    return {
        *re.findall(r"^\s*\('(\w+)', (?:true|false)\)", tree.text(WHOLE), re.MULTILINE),
        *re.findall(r"^\s*\('(\w+)', ", " ".join(money), re.MULTILINE),
    }


def problems(tree):
    described = yaml.safe_load(tree.text(REGISTRY))
    yield from (f"{name} is not described" for name in computed(tree) - set(described))
    yield from (f"{name} is not computed" for name in set(described) - computed(tree))
    for name, metric in described.items():
        for proof in metric["tested_by"]:
            yield from (f"{name}: {problem}" for problem in missing(proof, tree))


def test_every_metric_is_described_computed_and_tested(tree):
    assert len(computed(tree)) > 20
    assert not list(problems(tree))


def test_what_is_only_described_or_only_computed_is_found(plant):
    files = {
        REGISTRY: "old: {tested_by: ['tests/a.py::test_old']}\nfees: {tested_by: []}\n",
        WHOLE: "    ('sessions', false),\n    ('fees', true)\n",
        MONEY: "values\n    ('fees', 1),\n    ('revenue', 2)\n) as money (metric_id)",
    }
    assert sorted(problems(plant(files=files))) == [
        "old is not computed",
        "old: tests/a.py does not exist",
        "revenue is not described",
        "sessions is not described",
    ]
