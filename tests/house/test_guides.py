"""What the guides tell a person to look at or to type exists."""

import re

import pytest

from orchestration.cli import app

GUIDES = "docs/guides/"
QUOTED = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")
COMMAND = re.compile(r"(?:^|/|\s)(daybook|make) ([a-z-]+)")
TABLE = re.compile(r"^(ops|raw|registry|reports|published)\.([a-z_]+)$")
PATH = re.compile(r"^[\w.-]+/[\w./-]*$")
CHECK = re.compile(r"^\| `([a-z]+(?:_[a-z]+)+)` \|", re.MULTILINE)


def typed(text):
    """Yield (program, word) of every command that a person would type."""
    blocks = [re.sub("#.*", "", block) for block in BLOCK.findall(text)]
    for said in [*blocks, *QUOTED.findall(text)]:
        yield from COMMAND.findall(said)


def known_to(tree):
    """Return all that is said of tables and checks, marts by their published name."""
    texts_of_ours = [text for _, text in texts(tree, "orchestration/", ".sql", ".py")]
    marts = [
        f"published.{path.stem}"
        for folder in ("dbt_project/models/marts/", "orchestration/quality/views/")
        for _, path in tree.under(folder, ".sql")
    ]
    return "\n".join([*texts_of_ours, *marts])


def problems(tree, commands, targets):
    known = known_to(tree)
    words = {"daybook": commands, "make": targets}
    for name, text in texts(tree, GUIDES, ".md"):
        for program, word in typed(text):
            if word not in words[program]:
                yield f"{name}: {program} has no {word}"
        links = [GUIDES + link for link in LINK.findall(text)]
        for path in links + list(filter(is_path, QUOTED.findall(text))):
            if not any(there.startswith(path) for there in tree.names):
                yield f"{name}: {path} does not exist"
        tables = list(filter(TABLE.match, QUOTED.findall(text)))
        for said in tables + [f"def {check}(" for check in CHECK.findall(text)]:
            if said not in known:
                yield f"{name}: there is no {said}"


def is_path(said):
    return PATH.match(said) and not TABLE.match(said)


def texts(tree, folder, *suffixes):
    for name, _ in tree.under(folder):
        if name.endswith(suffixes):
            yield name, tree.text(name)


@pytest.fixture(scope="module")
def commands():
    groups = {group.name for group in app.registered_groups}
    return groups | {
        (command.name or command.callback.__name__).replace("_", "-")
        for command in app.registered_commands
    }


def test_what_the_guides_name_exists(tree, commands):
    targets = set(re.findall(r"^([a-z-]+):", tree.text("Makefile"), re.MULTILINE))
    assert not list(problems(tree, commands, targets))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("run `daybook explode`", "daybook has no explode"),
        ("```\n.venv/bin/daybook mend x\n```\n", "daybook has no mend"),
        ("`make it`", "make has no it"),
        ("look at `ops.wonders`", "there is no ops.wonders"),
        ("see `orchestration/gone.py`", "orchestration/gone.py does not exist"),
        ("see [there](gone.md)", "docs/guides/gone.md does not exist"),
        ("| `all_is_well` | never |", "there is no def all_is_well("),
    ],
)
def test_a_guide_that_leads_nowhere_is_found(plant, text, complaint):
    tree = plant(files={f"{GUIDES}a.md": text, "orchestration/a.sql": "ops.loads"})
    (problem,) = problems(tree, {"plan"}, {"dev"})
    assert complaint in problem


def test_a_guide_that_names_what_exists_is_fine(plant):
    text = (
        "`make dev`, `daybook plan`, `ops.loads`, `published.days`, "
        "`orchestration/a.sql`, [a](a.md)"
    )
    mart = "dbt_project/models/marts/overview/days.sql"
    files = {f"{GUIDES}a.md": text, "orchestration/a.sql": "ops.loads", mart: ""}
    tree = plant(files=files)
    assert not list(problems(tree, {"plan"}, {"dev"}))
