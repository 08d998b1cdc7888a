"""docs/requirements.md answers every requirement once, and names only what exists.

A row is `| id | what is asked | where | proof |`. The proof is `open`, perhaps with
what is there and what is not, or `informative`, or a list of `path::name`: tests of
pytest, checks of Dagster, data and unit tests of dbt. What stands in backquotes and has
no blank is a path of this tree.
"""

import ast
import re

import pytest
import yaml

TABLE = "docs/requirements.md"
# How many rows each of the five source documents has.
ROW_COUNTS = {0: 60, 1: 136, 2: 82, 3: 86, 4: 34}
IDS = [f"S{n}.{k}" for n, count in ROW_COUNTS.items() for k in range(1, count + 1)]
BEGINS_ROW = re.compile(r"^\|\s*S\d")
NAMED = re.compile(r"`([^`\s]+)`")
LIST_OF_NAMES = re.compile(r"^`[^`\s]+`(, `[^`\s]+`)*$")
UNPROVEN = re.compile(r"^(open(: \S.*)?|informative)$")
CELLS = 4


def rows(text):
    """Yield the cells of every line that begins like a row."""
    for line in text.splitlines():
        if BEGINS_ROW.match(line):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            yield [cell.strip() for cell in cells]


def problems(tree):
    found = list(rows(tree.text(TABLE)))
    identifiers = [cells[0] for cells in found]
    yield from (f"{name} stands twice" for name in repeated(identifiers))
    yield from (f"{name} is missing" for name in IDS if name not in identifiers)
    for cells in found:
        yield from (f"{cells[0]}: {problem}" for problem in problems_of(cells, tree))


def repeated(names):
    return sorted({name for name in names if names.count(name) > 1})


def problems_of(cells, tree):
    if cells[0] not in IDS:
        yield "is not asked for"
    if len(cells) != CELLS:
        yield f"has {len(cells)} cells, not {CELLS}"
        return
    _, asked, where, proof = cells
    if not asked:
        yield "does not say what is asked"
    if not UNPROVEN.match(proof):
        yield from unproven(where, proof)
    for name in NAMED.findall(where) + NAMED.findall(proof):
        yield from missing(name, tree)


def unproven(where, proof):
    if not NAMED.findall(where):
        yield "names no place; write open instead"
    if not LIST_OF_NAMES.match(proof):
        yield "its proof is no list of tests; write open instead"
    elif not all("::" in name for name in NAMED.findall(proof)):
        yield "its proof names a file and no test of it"


def missing(name, tree):
    path, _, test = name.partition("::")
    folder = path.rstrip("/") + "/"
    if path not in tree.names and not any(n.startswith(folder) for n in tree.names):
        yield f"{path} does not exist"
    elif test and test not in names_of_tests(path, tree):
        yield f"{path} has no test {test}"


def names_of_tests(path, tree):
    """Return what can fail in a file."""
    if path.endswith(".py"):
        return set(found_in_python(ast.parse(tree.text(path)), path))
    if path.endswith(".yml"):
        return set(found_in_dbt(yaml.safe_load(tree.text(path)), False))
    return set()


def found_in_python(module, path):
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if path.startswith("tests/"):
                is_test = node.name.startswith("test_")
            else:
                decorators = map(ast.unparse, node.decorator_list)
                is_test = any("asset_check" in said for said in decorators)
            if is_test:
                yield node.name


def found_in_dbt(value, is_test):
    if isinstance(value, list):
        for item in value:
            yield from found_in_dbt(item, is_test)
    elif isinstance(value, dict):
        if is_test and isinstance(value.get("name"), str):
            yield value["name"]
        for key, item in value.items():
            yield from found_in_dbt(
                item, is_test or key in {"data_tests", "unit_tests"}
            )


def test_every_requirement_is_answered_by_what_exists(tree):
    assert not list(problems(tree))


PROOF = "`tests/b.py::test_it_works`, `src/c.yml::one_row`, `src/d.py::adds_up`"
FILES = {
    "src/a.py": "",
    "src/c.yml": "models: [{name: m, data_tests: [{unique: {name: one_row}}]}]",
    "src/d.py": "@dg.asset_check(asset='m')\ndef adds_up(): ...\ndef test_not(): ...",
    "tests/b.py": "def test_it_works(connection): ...\ndef made(): ...",
}


def made_table(**changed):
    """Return a table of every id, in which some rows say something else."""
    lines = [f"| {name} | something | `src/` | open |" for name in IDS]
    lines[0] = f"| S0.1 | a b | `src/a.py`, table a_b | {PROOF} |"
    lines[1] = "| S0.2 | c \\| d |  | open: `src/a.py` is there |"
    lines[2] = "| S0.3 | thanks |  | informative |"
    lines = [changed.get(line.split()[1].replace(".", "_"), line) for line in lines]
    return "\n".join(["| Id | Asked | Where | Proof |", "| --- |", *lines])


def test_a_table_of_what_exists_is_fine(plant):
    assert not list(problems(plant(files={**FILES, TABLE: made_table()})))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("", "S0.9 is missing"),
        ("| S0.8 | a | | open |", "S0.8 stands twice"),
        ("| S0.99 | a | | open |", "S0.99: is not asked for"),
        ("| S0.9 | a | open |", "has 3 cells"),
        ("| S0.9 | | | open |", "does not say what is asked"),
        ("| S0.9 | a | | open: `src/gone.py` is there |", "src/gone.py does not exist"),
        ("| S0.9 | a | `src/gone` | open |", "src/gone does not exist"),
        ("| S0.9 | a | `src/a.py` | done |", "no list of tests"),
        ("| S0.9 | a | `src/a.py` | partly `src/c.yml::one_row` |", "no list of tests"),
        ("| S0.9 | a | `src/a.py` | `tests/b.py` |", "a file and no test"),
        ("| S0.9 | a | everywhere | `src/c.yml::one_row` |", "names no place"),
        ("| S0.9 | a | `src/` | `tests/b.py::test_it` |", "has no test test_it"),
        ("| S0.9 | a | `src/` | `tests/b.py::made` |", "has no test made"),
        ("| S0.9 | a | `src/` | `src/d.py::test_not` |", "has no test test_not"),
        ("| S0.9 | a | `src/` | `src/c.yml::m` |", "has no test m"),
        ("| S0.9 | a | `src/` | `src/c.yml::two_rows` |", "has no test two_rows"),
    ],
)
def test_a_row_that_promises_too_much_is_found(plant, row, complaint):
    tree = plant(files={**FILES, TABLE: made_table(S0_9=row)})
    assert any(complaint in problem for problem in problems(tree))
