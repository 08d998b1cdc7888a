"""The registry in force, as the warehouse has it: the last good one.

A value of a predicate that is a date reads back as text; the SQL that was made of it
is kept beside it and is never made again.
"""

import json
from pathlib import Path

import psycopg

from orchestration.registry.app_source import AppSource
from orchestration.registry.documents import Document, read_document
from orchestration.registry.entries import Compiled, Entry, Registry
from orchestration.registry.problems import Problem, RegistryError
from orchestration.registry.reading import FOLDERS, LISTS, SINGLE_FILES

_MODELS = dict([*SINGLE_FILES.values(), *LISTS.values(), *FOLDERS.values()])
_MODELS["app_source"] = AppSource


def read_registry(connection: psycopg.Connection, directory: Path) -> Registry:
    """Return the registry in force.

    Parameters
    ----------
    directory : Path
        Where the files are, for the lines that problems are shown at; a file that
        cannot be read any more has none.

    Raises
    ------
    RegistryError
        If no registry was ever stored.
    """
    rows = connection.execute(
        "select kind, id, file, body from registry.in_force order by kind, id"
    ).fetchall()
    if not rows:
        problem = Problem(
            str(directory), 1, "", "was never stored: `daybook run refresh` stores it"
        )
        raise RegistryError([problem])
    documents = {file: _document(directory, file) for file in {row[2] for row in rows}}
    listed = {kind for kind, _ in LISTS.values()}
    entries = tuple(
        Entry(
            kind,
            id_,
            _MODELS[kind].model_validate_json(json.dumps(body)),
            documents[file],
            (id_,) if kind in listed else (),
        )
        for kind, id_, file, body in rows
    )
    compiled = connection.execute(
        "select kind, id, part, sql from registry.compiled_in_force "
        "order by kind, id, part"
    ).fetchall()
    return Registry(entries, tuple(Compiled(*row) for row in compiled))


def _document(directory: Path, file: str) -> Document:
    try:
        return read_document((directory / file).read_bytes(), file=file)
    except (OSError, RegistryError):
        return Document(file, {})
