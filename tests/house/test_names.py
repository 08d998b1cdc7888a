"""A name says what a thing is; a package says what may live in it."""

import ast
import re
from pathlib import Path

import pytest

NAMELESS_ROOMS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "misc",
    "lib",
    "shared",
}
LIBRARIES = {"pandas", "polars", "statistics", "types", "dagster", "typing", "json"}
NOT_IN_THE_TREE = re.compile(
    r"(?i)(^|/)(plan|summary|progress|notes|status|todo|complete)[^/]*\.md$"
)
OPEN_END = re.compile(r"#.*\b(T[O]DO|F[I]XME|X[X]X)\b")
MODEL_NAMES = {
    "staging": re.compile(r"^stg_[a-z0-9]+__[a-z0-9_]+$"),
    "intermediate": re.compile(r"^int_[a-z0-9_]+$"),
    "marts": re.compile(r"^(?!fct_|dim_|stg_|int_)[a-z0-9_]+$"),
}


def nameless_rooms(tree):
    for name in tree.names:
        stems = {Path(part).stem for part in Path(name).parts}
        for stem in sorted(stems & NAMELESS_ROOMS):
            yield f"{name}: {stem!r} does not say what lives there"
        if name.endswith(".py") and Path(name).stem in LIBRARIES:
            yield f"{name}: named for a library"
        if NOT_IN_THE_TREE.search(name):
            yield f"{name}: plans and summaries do not live in the tree"


def silent_packages(tree):
    for name, path in tree.under("orchestration/", ".py"):
        package = path.parent / "__init__.py"
        if not package.exists():
            yield f"{name}: its package has no __init__.py that says what lives there"
        if path.name != "__init__.py":
            continue
        module = ast.parse(path.read_text())
        if len(ast.get_docstring(module) or "") < len("What lives here, and not."):
            yield f"{name}: does not say what lives in the package"
        if len(module.body) > 1:
            yield f"{name}: holds more than its docstring"


def packages_of_tests(tree):
    for name, _ in tree.select("tests/**/__init__.py", "tests/__init__.py"):
        yield f"{name}: tests are imported by path; a package would change their names"


def models_of_another_layer(tree):
    for name, path in tree.under("dbt_project/models/", ".sql"):
        layer = Path(name).parts[2]
        pattern = MODEL_NAMES.get(layer)
        if pattern is None:
            yield f"{name}: {layer!r} is not a layer"
        elif not pattern.match(path.stem):
            yield f"{name}: not a name for {layer}"


def open_ends(tree):
    for name, path in tree.under("", ".py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if OPEN_END.search(line):
                yield f"{name}:{number}: an open end; write an issue instead"


RULES = [
    nameless_rooms,
    silent_packages,
    packages_of_tests,
    models_of_another_layer,
    open_ends,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_name_of_the_house_is_a_good_one(tree, rule):
    assert not list(rule(tree))


@pytest.mark.parametrize(
    ("rule", "name", "text"),
    [
        (nameless_rooms, "orchestration/utils.py", ""),
        (nameless_rooms, "orchestration/common/dates.py", ""),
        (nameless_rooms, "orchestration/raw/pandas.py", ""),
        (nameless_rooms, "docs/PLAN.md", ""),
        (silent_packages, "orchestration/raw/keys.py", ""),
        (silent_packages, "orchestration/raw/__init__.py", '"""Raw."""\n'),
        (silent_packages, "orchestration/raw/__init__.py", f'"""{"a" * 99}"""\nx = 1'),
        (packages_of_tests, "tests/unit/__init__.py", ""),
        (models_of_another_layer, "dbt_project/models/staging/events.sql", ""),
        (models_of_another_layer, "dbt_project/models/marts/a/fct_orders.sql", ""),
        (models_of_another_layer, "dbt_project/models/other/orders.sql", ""),
        (
            open_ends,
            "orchestration/raw/keys.py",
            "x = 1  # {}: later\n".format("TO" + "DO"),
        ),
    ],
)
def test_a_bad_name_is_found(plant, rule, name, text):
    (problem,) = rule(plant(files={name: text}))
    assert problem.startswith(name)
