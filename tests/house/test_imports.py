"""Dagster and the heavy libraries are imported only where they are needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

WIRING = {
    "assets.py",
    "checks.py",
    "definitions.py",
    "resources.py",
    "runs.py",
    "schedules.py",
    "sensors.py",
}
# What starts Dagster's own programs.
STARTING = {"orchestration/ui/services.py", "orchestration/ui/webserver.py"}
# Each costs seconds at every start of a command or of the Dagster code server.
HEAVY = {"great_expectations", "scipy", "pandas", "polars", "pyarrow", "dbt", "numpy"}
LIGHT_MODULES = ["settings", "cli"]
ROOT = Path(__file__).resolve().parents[2]


def imports(path):
    """Yield (line, top-level package) of every import of a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def dagster_outside_the_wiring(tree):
    for name, path in tree.under("orchestration/", ".py"):
        if path.name in WIRING or name in STARTING:
            continue
        for line, package in imports(path):
            if package.split("_")[0] == "dagster":
                yield f"{name}:{line}: imports {package}"


def relative_imports(tree):
    for name, path in tree.under("orchestration/", ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                yield f"{name}:{node.lineno}: a relative import"
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                yield f"{name}:{node.lineno}: Dagster reads annotations at run time"


def test_dagster_is_imported_only_in_the_wiring(tree):
    assert not list(dagster_outside_the_wiring(tree))


def test_imports_are_absolute(tree):
    assert not list(relative_imports(tree))


def loaded_by(module):
    """Return the top-level packages in memory after importing one module."""
    program = (
        f"import sys, orchestration.{module}\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    return set(
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
    )


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_a_command_starts_without_heavy_imports(tree, module):
    if f"orchestration/{module}.py" not in tree.names:
        pytest.skip(f"orchestration/{module}.py does not exist yet")
    assert not loaded_by(module) & (HEAVY | {"dagster"})


def test_the_definitions_load_without_the_heaviest_imports(tree):
    if "orchestration/definitions.py" not in tree.names:
        pytest.skip("orchestration/definitions.py does not exist yet")
    assert not loaded_by("definitions") & {"great_expectations", "scipy", "pandas"}


def test_an_import_of_dagster_is_found(plant):
    for line in ("import dagster as dg", "from dagster_dbt import dbt_assets"):
        (problem,) = dagster_outside_the_wiring(
            plant(files={"orchestration/raw/loading.py": line})
        )
        assert problem.startswith("orchestration/raw/loading.py:1")
        assert not list(
            dagster_outside_the_wiring(
                plant(files={"orchestration/raw/assets.py": line})
            )
        )


def test_a_relative_import_is_found(plant):
    lines = "from . import keys\nfrom __future__ import annotations\n"
    tree = plant(files={"orchestration/raw/loading.py": lines})
    assert len(list(relative_imports(tree))) == 2


def test_a_heavy_import_would_be_seen():
    assert "polars" in loaded_by("settings, polars")
