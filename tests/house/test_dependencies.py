"""What is installed is locked by hash, wanted, and free to use."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ALLOWED = re.compile(
    r"apache|mit\b|mit license|bsd|isc|mpl|mozilla|psf|python software|unlicense|"
    r"zlib|artistic|0bsd|cc0|public domain|hpnd|historical permission",
    re.IGNORECASE,
)
# The LGPL lets us import a library that a user may replace, as pip does.
LESSER_GPL = {"psycopg", "psycopg-binary", "psycopg2-binary"}
FORBIDDEN = re.compile(
    r"\b(A?GPL|Affero|SSPL|Business Source|Proprietary)", re.IGNORECASE
)


def locked(text):
    """Return name to (version, number of hashes) of a requirements.lock."""
    found = {}
    for entry in re.split(r"\n(?=\S)", text):
        match = re.match(r"([\w.\[\]-]+)==([^\s;\\]+)", entry)
        if match:
            name = canonicalize_name(match[1].split("[")[0])
            found[name] = (
                match[2],
                len(re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)),
            )
    return found


def unlocked(project, lock):
    """Yield what the project wants and the lock does not give."""
    wanted = [*project["dependencies"]]
    for extra in project.get("optional-dependencies", {}).values():
        wanted += extra
    for text in wanted:
        requirement = Requirement(text)
        version, hashes = lock.get(canonicalize_name(requirement.name), (None, 0))
        if version is None:
            yield f"{requirement.name} is not locked"
        elif not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} {version} is not {requirement.specifier}"
        elif not hashes:
            yield f"{requirement.name} has no hash"


def licence(name):
    """Return what a package says of its licence."""
    about = metadata(name)
    said = [about.get("License-Expression") or ""]
    said += [
        line.rpartition("::")[2]
        for line in about.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    # Some paste the whole text; its first line names it.
    said.append((about.get("License") or "").strip().split("\n")[0])
    return " / ".join(text.strip() for text in said if text.strip())


def is_free(name, said):
    if name in LESSER_GPL:
        return bool(re.search(r"lgpl|lesser", said, re.IGNORECASE))
    if FORBIDDEN.search(re.sub(r"\bLGPL\S*", "", said)) and not ALLOWED.search(said):
        return False
    return bool(ALLOWED.search(said))


@pytest.fixture(scope="module")
def lock(tree):
    return locked(tree.text("requirements.lock"))


def test_every_package_is_locked_with_hashes(lock):
    assert len(lock) > 100
    assert not [name for name, (_, hashes) in lock.items() if not hashes]


def test_the_lock_gives_what_the_project_wants(tree, lock):
    project = tomllib.loads(tree.text("pyproject.toml"))["project"]
    assert not list(unlocked(project, lock))


def test_the_lock_holds_requirements_and_hashes_only(tree):
    for line in tree.text("requirements.lock").splitlines():
        assert re.match(
            r"^(\s*#.*|\s*|\s+--hash=sha256:\S+( \\)?|[\w.\[\]-]+==.*)$", line
        )


def test_every_licence_lets_us_ship_an_apache_licensed_product(lock):
    doubtful = {}
    for name in lock:
        try:
            said = licence(name)
        except PackageNotFoundError:
            # Locked for another platform or Python.
            continue
        if not is_free(name, said):
            doubtful[name] = said
    assert not doubtful


def test_a_licence_that_binds_us_is_found():
    assert is_free("a", "MIT")
    assert not is_free("a", "GNU Affero General Public License v3")
    assert not is_free("a", "Proprietary")
    assert not is_free("a", "")
    assert is_free("psycopg", "LGPL-3.0-only")
    assert not is_free("other", "LGPL-3.0-only")


def test_a_dependency_that_the_lock_does_not_give_is_found():
    lock = {"polars": ("1.0", 2), "pyyaml": ("6.0", 0)}
    project = {"dependencies": ["polars>=2", "pandas", "pyyaml>=6"]}
    assert [problem.split()[0] for problem in unlocked(project, lock)] == [
        "polars",
        "pandas",
        "pyyaml",
    ]
