"""No file, function or model grows past what a person reads in one sitting."""

import ast

import pytest

CEILINGS = {
    "**/assets.py": 150,
    "**/*.py": 400,
    "README.md": 150,
    "CONTRIBUTING.md": 150,
}
MODEL_CEILING = 80
FUNCTION_CEILING = 40


def long_files(tree):
    for name in tree.names:
        lines = tree.text(name).count("\n")
        if name.endswith("assets.py"):
            ceiling = CEILINGS["**/assets.py"]
        elif name.startswith("dbt_project/models/") and name.endswith(".sql"):
            ceiling = MODEL_CEILING
        elif name.endswith(".py"):
            ceiling = CEILINGS["**/*.py"]
        else:
            ceiling = CEILINGS.get(name)
        if ceiling is not None and lines > ceiling:
            yield f"{name}: {lines} lines, at most {ceiling}"


def code_lines(function):
    """Return the lines of a function without its signature and docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return function.end_lineno - body[0].lineno + 1 if body else 0


def long_functions(tree):
    for name, path in tree.under("orchestration/", ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and code_lines(node) > FUNCTION_CEILING
            ):
                yield f"{name}: {node.name} has {code_lines(node)} lines"


def test_no_file_is_longer_than_its_kind_may_be(tree):
    assert not list(long_files(tree))


def test_no_function_is_longer_than_forty_lines(tree):
    assert not list(long_functions(tree))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("orchestration/raw/loading.py", 401),
        ("orchestration/raw/assets.py", 151),
        ("dbt_project/models/marts/metrics_daily.sql", 81),
        ("README.md", 151),
    ],
)
def test_a_file_that_is_too_long_is_found(plant, name, lines):
    (problem,) = long_files(plant(files={name: "line\n" * lines}))
    assert problem.startswith(name)
    assert not list(long_files(plant(files={name: "line\n" * (lines - 1)})))


def test_a_function_that_is_too_long_is_found(plant):
    text = 'def load():\n    """One line."""\n' + "    print()\n" * 41
    (problem,) = long_functions(plant(files={"orchestration/raw/loading.py": text}))
    assert "load has 41 lines" in problem
