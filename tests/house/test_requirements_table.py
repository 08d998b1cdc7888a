"""docs/requirements.md names, for every requirement, a place and a test that exist."""

import re
from pathlib import Path

import pytest

TABLE = "docs/requirements.md"
ROW = re.compile(r"^\|\s*(S\d+\.\d+[a-z]?)\s*\|(.*)\|\s*$")
# `path` or `path::test_name`, in backquotes.
PLACE = re.compile(r"`([^`\s]+)`")
COLUMNS = 2


def rows(text):
    """Yield (id, cells) of every row."""
    for line in text.splitlines():
        match = ROW.match(line)
        if match:
            cells = re.split(r"(?<!\\)\|", match[2])
            yield match[1], [cell.strip() for cell in cells]


def problems(text, root):
    seen = set()
    for identifier, cells in rows(text):
        if identifier in seen:
            yield f"{identifier} stands twice"
        seen.add(identifier)
        if len(cells) < COLUMNS:
            yield f"{identifier} has no column for its place or its test"
            continue
        place, test = cells[-COLUMNS:]
        if test == "open":
            continue
        for what, cell in (("place", place), ("test", test)):
            if not PLACE.findall(cell):
                yield f"{identifier} names no {what}; write open instead"
        for named in PLACE.findall(place) + PLACE.findall(test):
            yield from missing(identifier, named, root)


def missing(identifier, named, root):
    path, _, test = named.partition("::")
    if not (root / path).exists():
        yield f"{identifier}: {path} does not exist"
    elif test and not re.search(
        rf"^\s*(?:async )?def {re.escape(test)}\(|\bname: {re.escape(test)}$",
        (root / path).read_text(),
        re.MULTILINE,
    ):
        yield f"{identifier}: {path} has no {test}"


def test_every_place_and_test_of_the_table_exists(tree):
    if TABLE not in tree.names:
        pytest.skip(f"{TABLE} does not exist yet")
    text = tree.text(TABLE)
    assert list(rows(text)), "the table has no row"
    assert not list(problems(text, tree.root))


GOOD = "| S0.1 | `src/a.py` | `tests/b.py::test_it_works`, `src/c.yml::one_row` |\n"


@pytest.fixture
def project(tmp_path) -> Path:
    for name, text in (
        ("src/a.py", ""),
        ("src/c.yml", "  - name: one_row\n"),
        ("tests/b.py", "def test_it_works(connection):\n    pass\n"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_row_whose_places_exist_is_fine(project):
    assert not list(problems(GOOD + "| S0.2 |  | open |\n", project))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD.replace("a.py", "gone.py"), "src/gone.py does not exist"),
        (GOOD.replace("it_works", "it_fails"), "has no test_it_fails"),
        (GOOD.replace("one_row", "two_rows"), "has no two_rows"),
        (GOOD + GOOD, "stands twice"),
        ("| S0.1 | `src/a.py` | yes |\n", "names no test"),
        ("| S0.1 | everywhere | `tests/b.py` |\n", "names no place"),
        ("| S0.1 | open |\n", "no column"),
    ],
)
def test_a_row_that_promises_too_much_is_found(project, text, complaint):
    (problem,) = problems(text, project)
    assert complaint in problem
