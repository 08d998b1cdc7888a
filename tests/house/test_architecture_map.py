"""The map in docs/architecture.md has every package, and none that is gone."""

import re

MAP = "docs/architecture.md"


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
