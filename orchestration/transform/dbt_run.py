"""The one dbt invocation of a build: what it is told, its manifest, its results."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Self

from orchestration.settings import BUILD_VARIABLE, PROJECT_ROOT, Settings
from orchestration.transform.terse_dbt import make_terse, write_executable

# A unit test needs no data, so it proves nothing about a build. The text of every
# statement is in the target folder as well, and costs a tenth of a build to log.
BUILD_ARGUMENTS: Final = (
    *("build", "--exclude-resource-type", "unit_test"),
    *("--log-level-file", "info"),
)
_DONE = frozenset({"success", "pass", "warn", "no-op"})
_PLANNED = frozenset({"model", "test", "seed", "snapshot"})
_MOST_NAMED = 20
_SOURCES = ("*.sql", "*.yml", "*.csv", "*.md")


class DbtError(RuntimeError):
    """dbt could not read the project, and why."""


@dataclass(frozen=True)
class Project:
    """Where the dbt project is, and where dbt may write."""

    folder: Path
    target: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the project of this installation."""
        return cls(PROJECT_ROOT / "dbt_project", settings.home / "dbt" / "target")


@contextmanager
def told_of_build(
    build_id: int, *, days: Iterable[date], models_from_nothing: Iterable[str] = ()
) -> Iterator[None]:
    """Have every dbt that starts inside the block belong to a build.

    By environment and not by `--vars`: those are part of how dbt reads a project, and
    values that change have it parse everything again, which takes seconds. Nor does
    dbt ask the warehouse which build there is: an orphan would find the next one.

    Parameters
    ----------
    days : iterable of date
        The days of raw.events that it may read, in order; they become literals, since
        only those prune partitions.
    """
    told = {
        "build_id": build_id,
        "days": [day.isoformat() for day in days],
        "models_from_nothing": sorted(models_from_nothing),
    }
    before = os.environ.get(BUILD_VARIABLE)
    os.environ[BUILD_VARIABLE] = json.dumps(told)
    try:
        yield
    finally:
        if before is None:
            del os.environ[BUILD_VARIABLE]
        else:
            os.environ[BUILD_VARIABLE] = before


def executable(project: Project) -> Path:
    """Return the `dbt` to run in another process: one that says no row's values."""
    return write_executable(project.target.parent / "bin", root=PROJECT_ROOT)


def run_dbt(
    project: Project, arguments: Sequence[str], *, in_process: bool = True
) -> bool:
    """Run dbt and return whether it succeeded.

    Parameters
    ----------
    in_process : bool
        Whether to run inside this process, which saves the start of another one.
    """
    command = [
        "--quiet",
        *arguments,
        "--project-dir",
        str(project.folder),
        "--profiles-dir",
        str(project.folder),
        "--target-path",
        str(project.target),
        "--log-path",
        str(project.target.parent / "logs"),
    ]
    # What an earlier run left must not pass for this run's results.
    (project.target / "run_results.json").unlink(missing_ok=True)
    if not in_process:
        finished = subprocess.run(
            [str(executable(project)), *command],
            check=False,
        )
        return finished.returncode == 0
    # Imported here: a plan or a night without news needs no dbt.
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    make_terse()
    return bool(dbtRunner().invoke(command).success)


def compile_inline(project: Project, template: str) -> str:
    """Return the SQL that dbt makes of a template over the project's macros and models.

    Its artifacts have a folder of their own: a build may be running.

    Raises
    ------
    DbtError
        If it makes none of it.
    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    make_terse()
    folder = str(project.target.parent / "inline")
    finished = dbtRunner().invoke(
        [
            *("compile", "--log-level", "none", "--inline", template),
            *("--project-dir", str(project.folder)),
            *("--profiles-dir", str(project.folder)),
            *("--target-path", folder, "--log-path", folder),
        ]
    )
    if not finished.success:
        msg = f"dbt compiles nothing of it: {finished.exception}"
        raise DbtError(msg)
    return str(finished.result.results[0].node.compiled_code)  # type: ignore[union-attr]


def load_manifest(project: Project) -> dict[str, Any]:
    """Return the manifest of the project, parsed again only if a file of it changed."""
    digest = project_digest(project.folder)
    manifest = project.target / "manifest.json"
    seal = project.target / "manifest.digest"
    if not (manifest.exists() and seal.exists() and seal.read_text() == digest):
        if not run_dbt(project, ["parse"]):
            msg = f"dbt cannot read {project.folder.name}; `dbt parse` says why"
            raise DbtError(msg)
        seal.write_text(digest)
    parsed: dict[str, Any] = json.loads(manifest.read_text())
    return parsed


def project_digest(folder: Path) -> str:
    """Hash every file that dbt reads."""
    digest = hashlib.sha256()
    paths = {
        path
        for pattern in _SOURCES
        for path in folder.rglob(pattern)
        if not {"target", "logs"} & set(path.relative_to(folder).parts)
    }
    for path in sorted(paths):
        name = str(path.relative_to(folder))
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()


def read_results(project: Project) -> dict[str, str]:
    """Return the status of everything the last run reports, by unique id."""
    path = project.target / "run_results.json"
    if not path.exists():
        return {}
    return statuses_of(json.loads(path.read_text()))


def statuses_of(artifact: Mapping[str, Any]) -> dict[str, str]:
    """Return the status of everything in `run_results.json`, by unique id."""
    return {result["unique_id"]: result["status"] for result in artifact["results"]}


def source_descriptions(manifest: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return what every table that dbt reads and does not make holds."""
    return {
        (source["source_name"], source["name"]): source["description"]
        for source in manifest["sources"].values()
    }


def binding_tests(manifest: Mapping[str, Any]) -> set[str]:
    """Return the names of the tests that must hold for a build to succeed."""
    return {
        node["name"]
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test"
        and node["config"].get("severity", "error").lower() == "error"
    }


def failure_of(
    manifest: Mapping[str, Any], statuses: Mapping[str, str], *, is_full: bool
) -> str | None:
    """Say what failed or was silently left out; None if all that was planned is done.

    A run can be green and have skipped half of the project, so every planned node must
    have been reported as done.
    """
    planned = {
        key: node["name"]
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in _PLANNED
        and node["config"].get("materialized") != "ephemeral"
    }
    failed = sorted(
        f"{planned.get(key, key)} ({status})"
        for key, status in statuses.items()
        if status not in _DONE
    )
    missing = sorted(
        f"{name} (not built)"
        for key, name in planned.items()
        if is_full and key not in statuses
    )
    found = [*failed, *missing]
    if not found:
        return None
    more = len(found) - _MOST_NAMED
    return ", ".join(found[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
