"""Nothing in the tree belongs to one machine, one index or one person."""

import re
import tomllib

import pytest
import yaml

# Written so that this file does not find itself.
ADDRESS = re.compile(
    r"p[y]pi\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|deb[i]an\.org/"
    r"|--(?:extra-)?index[-]url|--find[-]links",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:w[o]rk|r[o]ot|U[s]ers|h[o]me)/\w")
SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIV[A]TE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{36}\b"
)
MEGABYTE = 1_000_000


def foreign_lines(tree):
    for name in tree.names:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            for what, pattern in (
                ("the address of an index", ADDRESS),
                ("a path of one machine", MACHINE_PATH),
                ("a secret", SECRET),
            ):
                if pattern.search(line):
                    yield f"{name}:{number}: {what}"


def large_files(tree):
    for name in tree.names:
        if (tree.root / name).stat().st_size > MEGABYTE:
            yield f"{name}: larger than a megabyte"


def calls_home(dagster, dbt, settings):
    """Yield what is still allowed to report to its maker."""
    if dagster.get("telemetry", {}).get("enabled", True):
        yield "dagster.yaml: telemetry"
    if dagster.get("nux", {}).get("enabled", True):
        yield "dagster.yaml: nux"
    if dbt.get("flags", {}).get("send_anonymous_usage_stats", True):
        yield "dbt_project.yml: send_anonymous_usage_stats"
    for switch in (
        '"DAGSTER_DISABLE_TELEMETRY": "1"',
        '"DO_NOT_TRACK": "1"',
        '"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"',
        '"GX_ANALYTICS_ENABLED": "false"',
    ):
        if switch not in settings:
            yield f"settings.py: {switch}"


def test_no_file_names_an_index_a_machine_or_a_secret(tree):
    assert not list(foreign_lines(tree))


def test_no_large_file_is_in_git(tree):
    assert not list(large_files(tree))


def test_nothing_calls_home(tree):
    assert not list(
        calls_home(
            yaml.safe_load(tree.text("dagster.yaml")),
            yaml.safe_load(tree.text("dbt_project/dbt_project.yml")),
            tree.text("orchestration/settings.py"),
        )
    )


def test_dbt_needs_no_packages_from_elsewhere(tree):
    assert not [
        name
        for name, _ in tree.select("**/packages.yml", "**/dependencies.yml")
        if yaml.safe_load(tree.text(name))
    ]


def test_the_package_ships_its_sql(tree):
    data = tomllib.loads(tree.text("pyproject.toml"))["tool"]["setuptools"][
        "package-data"
    ]["*"]
    suffixes = {pattern.removeprefix("*") for pattern in data}
    shipped = {
        path.suffix
        for _, path in tree.under("orchestration/")
        if path.suffix not in (".py", "")
    }
    assert shipped <= suffixes


@pytest.mark.parametrize(
    "words",
    [
        ("https://py", "pi.org/simple"),
        ("--index", "-url https://mirror.example"),
        ("cd /ro", "ot/daybook"),
        ("path = '/ho", "me/somebody/daybook'"),
        ("-----BEGIN RSA PRIV", "ATE KEY-----"),
    ],
)
def test_a_foreign_line_is_found(plant, words):
    (problem,) = foreign_lines(plant(files={"docs/a.md": f"Fine.\n{''.join(words)}\n"}))
    assert problem.startswith("docs/a.md:2")


def test_a_large_file_is_found(plant):
    assert list(large_files(plant(files={"data.csv": "x" * (MEGABYTE + 1)})))


def test_whatever_calls_home_is_found():
    assert len(list(calls_home({}, {}, ""))) == 7
