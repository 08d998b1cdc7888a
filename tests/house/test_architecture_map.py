"""The map in docs/architecture.md has every package; each step has assets, tests."""

import re

MAP = "docs/architecture.md"
# Packages of no step: the server, the UI, the world of tests and demo, a command.
NO_STEP = {"warehouse", "simulation", "ui", "funnels"}


def differences(tree):
    _, _, section = tree.text(MAP).partition("## Which package does what")
    rows = "".join(line for line in section.splitlines() if line.startswith("|"))
    mapped = set(re.findall(r"`(\w+)`", rows))
    packages = {
        path.parent.name
        for name, path in tree.under("orchestration/", "/__init__.py")
        if name.count("/") == 2
    }
    yield from (f"{name} is not on the map" for name in sorted(packages - mapped))
    yield from (f"{name} is on the map and gone" for name in sorted(mapped - packages))


def test_every_package_is_on_the_map(tree):
    assert not list(differences(tree))


def test_a_package_off_the_map_and_one_that_is_gone_are_found(plant):
    files = {
        MAP: "## Which package does what\n| data | `raw`, `lake` |\n",
        "orchestration/raw/__init__.py": "",
        "orchestration/raw/formats/__init__.py": "",
        "orchestration/reports/__init__.py": "",
    }
    found = list(differences(plant(files=files)))
    assert found == ["reports is not on the map", "lake is on the map and gone"]


def without_assets_or_test(tree):
    listed = [name for name, _ in tree.under("tests/", ".py")]
    tests = "".join(
        tree.text(name) for name in listed if not name.startswith("tests/house/")
    )
    for name, path in tree.under("orchestration/", "/__init__.py"):
        package = path.parent.name
        if name.count("/") != 2 or package in NO_STEP:
            continue
        if f"orchestration/{package}/assets.py" not in tree.names:
            yield f"{package} has no asset"
        if f"from orchestration.{package}." not in tests:
            yield f"{package} has no test"


def test_every_step_has_assets_and_tests(tree):
    assert not list(without_assets_or_test(tree))


def test_a_step_without_asset_or_test_is_found(plant):
    files = {
        "orchestration/raw/__init__.py": "",
        "orchestration/raw/assets.py": "",
        "orchestration/lake/__init__.py": "",
        "orchestration/warehouse/__init__.py": "",
        "tests/unit/test_lake.py": "from orchestration.lake.depth import sound",
    }
    found = list(without_assets_or_test(plant(files=files)))
    assert found == ["raw has no test", "lake has no asset"]
