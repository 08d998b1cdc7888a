"""The sources, contracts and retention in force: the last good ones that were stored.

The registry step judges the files before anything is loaded, and stores none of them
while one is bad. Loads read what it stored; the files only where nothing was stored.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from orchestration.raw.contracts import CUSTOM, CUSTOM_PREFIX, Contracts
from orchestration.raw.sources import Source, load_sources
from orchestration.registry.documents import read_document
from orchestration.registry.policies import Retention
from orchestration.registry.problems import Problem, RegistryError
from orchestration.warehouse.connection import connect


@dataclass(frozen=True)
class Definitions:
    """What a load is told by the registry.

    Attributes
    ----------
    sources : dict of str to Source
        Sources of landing files, by name.
    retention : Retention or None
        How long what is loaded is kept; None keeps everything.
    """

    sources: dict[str, Source]
    contracts: Contracts
    retention: Retention | None


def judge_files(directory: Path) -> list[Problem]:
    """Return everything that is wrong with sources and contracts, file by file."""
    return [*_problems_of_sources(directory), *_problems_of_contracts(directory)]


def read_definitions(url: str, directory: Path) -> Definitions:
    """Return what is in force; before a registry was ever stored, what the files say.

    Raises
    ------
    RegistryError
        If nothing was stored yet and a file is not well defined.
    """
    with connect(url, application_name="daybook registry") as connection:
        stored = _read_stored(connection)
    return stored or read_files(directory)


def read_files(directory: Path) -> Definitions:
    """Return what the files say."""
    path = directory / "retention.yml"
    retention = None
    if path.exists():
        document = read_document(path.read_bytes(), file=path.name)
        retention = Retention.model_validate(document.data)
    return Definitions(
        sources=load_sources(directory / "sources"),
        contracts=Contracts(directory / "contracts"),
        retention=retention,
    )


def _read_stored(connection: psycopg.Connection) -> Definitions | None:
    rows = connection.execute(
        """
        select kind, id, body from registry.in_force
        where kind in ('source', 'contract', 'retention')
        order by kind, id
        """
    ).fetchall()
    bodies: dict[str, dict] = {"source": {}, "contract": {}, "retention": {}}
    for kind, id_, body in rows:
        bodies[kind][id_] = body
    if not rows:
        return None
    return Definitions(
        sources={
            name: Source.model_validate_json(json.dumps(body))
            for name, body in bodies["source"].items()
        },
        contracts=Contracts(bodies["contract"]),
        retention=next(
            map(Retention.model_validate, bodies["retention"].values()), None
        ),
    )


def _problems_of_sources(directory: Path) -> Iterator[Problem]:
    try:
        load_sources(directory / "sources")
    except RegistryError as error:
        yield from error.problems


def _problems_of_contracts(directory: Path) -> Iterator[Problem]:
    try:
        contracts = Contracts(directory / "contracts")
    except RegistryError as error:
        yield from error.problems
        return
    for name in contracts.names():
        try:
            # All custom events share one contract.
            contracts.find(f"{CUSTOM_PREFIX}any" if name == CUSTOM else name)
        except RegistryError as error:
            yield from error.problems
