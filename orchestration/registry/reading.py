"""The folder `registry/` to one validated registry, or to everything wrong with it."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from orchestration.registry.app_source import AppSource
from orchestration.registry.crosschecking import compile_entries, crosscheck
from orchestration.registry.documents import Document, read_document
from orchestration.registry.engagement import Engagement
from orchestration.registry.entries import Entry, Registry
from orchestration.registry.experiments import Experiment
from orchestration.registry.explaining import explain
from orchestration.registry.funnels import Funnel
from orchestration.registry.journeys import Journeys
from orchestration.registry.kinds import Metric, Report, Segment
from orchestration.registry.policies import Consent, Defaults, Identity, Retention
from orchestration.registry.predicates import NAME_PATTERN
from orchestration.registry.problems import Problem, RegistryError
from orchestration.registry.retentions import RetentionGrid
from orchestration.registry.trends import Lifecycle, Trend


class Opaque(RootModel[dict[str, object]]):
    """A definition whose words another package judges; its history is kept here."""

    model_config = ConfigDict(frozen=True)


# One file each, and each must be there.
SINGLE_FILES: dict[str, tuple[str, type[BaseModel]]] = {
    "consent.yml": ("consent", Consent),
    "defaults.yml": ("defaults", Defaults),
    "engagement.yml": ("engagement", Engagement),
    "identity.yml": ("identity", Identity),
    "journeys.yml": ("journeys", Journeys),
    "retention.yml": ("retention", Retention),
}
# One file with many, by id.
LISTS: dict[str, tuple[str, type[BaseModel]]] = {"metrics.yml": ("metric", Metric)}
# One file per definition, named for its id.
FOLDERS: dict[str, tuple[str, type[BaseModel]]] = {
    "contracts": ("contract", Opaque),
    "experiments": ("experiment", Experiment),
    "funnels": ("funnel", Funnel),
    "lifecycles": ("lifecycle", Lifecycle),
    "reports": ("report", Report),
    "retention": ("retention_grid", RetentionGrid),
    "segments": ("segment", Segment),
    "sources": ("source", Opaque),
    "trends": ("trend", Trend),
}

_NAME = re.compile(NAME_PATTERN)


def load_registry(directory: Path) -> Registry:
    """Read and validate every definition under `directory`.

    Raises
    ------
    RegistryError
        Naming file, line, field, reason and what is allowed for everything that is
        wrong, in all files at once.
    """
    problems: list[Problem] = []
    entries: list[Entry] = []
    for path in _files(directory, problems):
        try:
            file = path.relative_to(directory).as_posix()
            document = read_document(path.read_bytes(), file=file)
            entries.extend(_entries(document, problems))
        except RegistryError as error:
            problems.extend(error.problems)
    found = {entry.document.file for entry in entries} | {
        problem.file for problem in problems
    }
    problems.extend(
        Problem(name, 1, "", "is missing") for name in SINGLE_FILES if name not in found
    )
    problems.extend(crosscheck(entries))
    compiled, refused = compile_entries(entries)
    problems.extend(refused)
    if problems:
        raise RegistryError(problems)
    return Registry(tuple(entries), tuple(compiled))


def read_reports(directory: Path) -> dict[str, Report]:
    """Return the reports that are well defined, without the rest of the registry.

    A timetable cannot wait for a mistake to be repaired; the registry step names it.
    """
    reports: dict[str, Report] = {}
    for path in sorted((directory / "reports").glob("*.yml")):
        try:
            document = read_document(path.read_bytes(), file=f"reports/{path.name}")
            reports[path.stem] = Report.model_validate(document.data)
        except (RegistryError, ValidationError):
            continue
    return reports


def _files(directory: Path, problems: list[Problem]) -> Iterator[Path]:
    """Yield the YAML files in a fixed order, naming what nobody would read."""
    if not directory.is_dir():
        raise RegistryError([Problem(str(directory), 1, "", "is not a folder")])
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_dir() or path.suffix == ".md" or path.name.startswith("."):
            continue
        folder = name.rpartition("/")[0]
        is_definition = folder in FOLDERS and path.suffix == ".yml"
        if is_definition or name in SINGLE_FILES or name in LISTS:
            yield path
        else:
            folders = [f"{each}/<name>.yml" for each in FOLDERS]
            allowed = ", ".join([*SINGLE_FILES, *LISTS, *folders])
            problems.append(Problem(name, 1, "", "nothing reads this file", allowed))


def _entries(document: Document, problems: list[Problem]) -> Iterator[Entry]:
    if document.file in LISTS:
        yield from _listed(document, problems)
        return
    if document.file in SINGLE_FILES:
        kind, model = SINGLE_FILES[document.file]
        id_ = kind
    else:
        folder, _, name = document.file.rpartition("/")
        kind, model = FOLDERS[folder]
        id_ = name.removesuffix(".yml")
    if kind == "source" and _says_app_database(document):
        kind, model = "app_source", AppSource
    yield from _entry(kind, id_, model, document, problems)


def _listed(document: Document, problems: list[Problem]) -> Iterator[Entry]:
    kind, model = LISTS[document.file]
    if not isinstance(document.data, dict):
        problems.append(document.problem((), "is not a mapping of names"))
        return
    for id_ in document.data:
        yield from _entry(kind, id_, model, document, problems, at=(id_,))


def _entry(
    kind: str,
    id_: str,
    model: type[BaseModel],
    document: Document,
    problems: list[Problem],
    *,
    at: tuple[str, ...] = (),
) -> Iterator[Entry]:
    # Event types of the namespace `custom.` are the one kind of name with a dot.
    if not _NAME.match(id_.removeprefix("custom.")) or "\n" in id_:
        problems.append(document.problem(at, f"{id_!r} is not a name", NAME_PATTERN))
    data = document.data[at[0]] if at else document.data  # type: ignore[index]
    try:
        validated = model.model_validate(data)
    except ValidationError as error:
        problems.extend(explain(error, model=model, document=document, at=at))
        return
    yield Entry(kind, id_, validated, document, at)


def _says_app_database(document: Document) -> bool:
    data = document.data
    return isinstance(data, dict) and data.get("kind") == "app_database"
