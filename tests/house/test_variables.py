"""The environment is read in one place, and every variable is explained in one."""

import ast
import re

SETTINGS = "orchestration/settings.py"
NAME = re.compile(r"\bDAYBOOK_[A-Z][A-Z_]*[A-Z]\b")
READ_BY_TESTS = {"DAYBOOK_TEST_DATABASE_URL", "DAYBOOK_CASES"}
# Told to dbt and Dagster by settings.py, never read by it.
EXPORTED = {
    "DAYBOOK_BUILD",
    "DAYBOOK_DAGSTER_FILES",
    "DAYBOOK_DBT_DBNAME",
    "DAYBOOK_DBT_HOST",
    "DAYBOOK_DBT_PASSWORD",
    "DAYBOOK_DBT_PORT",
    "DAYBOOK_DBT_USER",
}


def readers_of_the_environment(tree):
    for name, path in tree.under("orchestration/", ".py"):
        if name == SETTINGS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            key = None
            if isinstance(node, ast.Subscript) and "environ" in ast.unparse(node.value):
                key = node.slice
            if isinstance(node, ast.Call) and re.search(
                r"environ\.(get|pop|setdefault)$|getenv$", ast.unparse(node.func)
            ):
                key = node.args[0]
            if isinstance(key, ast.Constant) and NAME.match(str(key.value)):
                yield f"{name}:{node.lineno}: reads {key.value} itself"


def unknown_variables(tree):
    known = named_in(tree, SETTINGS) | READ_BY_TESTS
    for name in tree.names:
        if name.startswith("tests/house/"):
            continue
        for unknown in sorted(named_in(tree, name) - known):
            yield f"{name}: {unknown} is not known to {SETTINGS}"


def named_in(tree, name):
    return set(NAME.findall(tree.text(name)))


def test_only_the_settings_read_the_environment(tree):
    assert not list(readers_of_the_environment(tree))


def test_no_file_names_a_variable_that_nobody_reads(tree):
    assert not list(unknown_variables(tree))


def test_every_variable_is_in_the_example_with_a_line_about_it(tree):
    example = tree.text(".env.example")
    assert named_in(tree, ".env.example") == (
        (named_in(tree, SETTINGS) - EXPORTED) | READ_BY_TESTS
    )
    for block in example.strip().split("\n\n"):
        explained, *variables = block.splitlines()
        assert explained.startswith("# ")
        assert not NAME.match(explained.removeprefix("# ").split("=")[0])
        assert all(re.match(r"# DAYBOOK_[A-Z_]+=", line) for line in variables[1:])


def test_a_module_that_reads_a_variable_is_found(plant):
    for line in (
        'os.environ["DAYBOOK_HOME"]',
        'os.environ.get("DAYBOOK_HOME")',
        'os.getenv("DAYBOOK_HOME", "")',
        'environ.pop("DAYBOOK_HOME")',
    ):
        tree = plant(files={"orchestration/raw/loading.py": line})
        (problem,) = readers_of_the_environment(tree)
        assert "reads DAYBOOK_HOME" in problem
    assert not list(
        readers_of_the_environment(plant(files={SETTINGS: 'os.getenv("DAYBOOK_HOME")'}))
    )


def test_a_misspelt_variable_is_found(plant):
    files = {SETTINGS: '"DAYBOOK_HOME"', "dagster.yaml": "env: DAYBOOK_" + "HOEM"}
    (problem,) = unknown_variables(plant(files=files))
    assert problem.startswith("dagster.yaml")
