"""Views of ours over what is published: ranges that end at the watermark, old names.

Each is a file of `views/`, named for the view that it makes; the comment at its top
says what a row is. They rest on published tables, on raw and on each other, never on
a table of dbt's, and like the tables' own views they are made once, granted once, and
gain columns only at their end.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import psycopg
from psycopg import sql

from orchestration.quality.published_tables import READER

# Views of what is about the provider who reads them, for the members of another role.
_OWN, _PROVIDER_READER = "own_", "provider_reader"
_FOLDER = Path(__file__).with_name("views")
_COMMENT = re.compile(r"\A(?:--[^\n]*\n)+")
_READS = re.compile(
    r"\b(?:from|join) (published_data|published|raw|ops|registry)\.(\w+)"
)


@dataclass(frozen=True)
class PublishedView:
    """A view that readers know: its name, what a row of it is, and its query."""

    name: str
    description: str
    query: str

    @property
    def reads(self) -> tuple[tuple[str, str], ...]:
        """Return the relations that it reads, as schema and name."""
        return tuple(
            sorted({(part[1], part[2]) for part in _READS.finditer(self.query)})
        )

    @property
    def parents(self) -> list[list[str]]:
        """Return the assets that it rests on: a table is known by its view's name."""
        return [
            [schema.removesuffix("_data"), name]
            for schema, name in self.reads
            if schema in {"raw", "published", "published_data"}
        ]


def published_views(folder: Path = _FOLDER) -> list[PublishedView]:
    """Return every view, those that others read first."""
    views = {path.stem: _read(path) for path in sorted(folder.glob("*.sql"))}
    order = TopologicalSorter(
        {
            name: [other for schema, other in view.reads if schema == "published"]
            for name, view in views.items()
        }
    )
    return [views[name] for name in order.static_order() if name in views]


def ensure_views(
    connection: psycopg.Connection, views: Sequence[PublishedView]
) -> list[str]:
    """Make the views that are new or read otherwise than they did; return them."""
    return [view.name for view in views if _ensure(connection, view)]


def _read(path: Path) -> PublishedView:
    text = path.read_text()
    comment = _COMMENT.match(text)
    if comment is None:
        msg = f"{path.name}: the comment that says what a row is is missing"
        raise ValueError(msg)
    lines = [line.removeprefix("--").strip() for line in comment[0].splitlines()]
    return PublishedView(path.stem, " ".join(lines), text[comment.end() :].strip())


def _ensure(connection: psycopg.Connection, view: PublishedView) -> bool:
    text = f"{view.description}\n{view.query}"
    made = connection.execute(
        """
        insert into ops.published_tables (table_name, view_hash) values (%s, %s)
        on conflict (table_name) do update set view_hash = excluded.view_hash
        where published_tables.view_hash <> excluded.view_hash
        """,
        (view.name, hashlib.sha256(text.encode()).hexdigest()),
    )
    if made.rowcount == 0:
        return False
    name = sql.Identifier("published", view.name)
    # The query is a file of this package; nothing of it comes from elsewhere.
    query = sql.SQL(view.query)  # type: ignore[arg-type]
    is_own = view.name.startswith(_OWN)
    # A barrier: no function of a reader sees rows that are not its own.
    barrier = sql.SQL("with (security_barrier) " if is_own else "")
    connection.execute(
        sql.SQL("create or replace view {} {}as {}").format(name, barrier, query)
    )
    reader = sql.Identifier(_PROVIDER_READER if is_own else READER)
    connection.execute(sql.SQL("grant select on {} to {}").format(name, reader))
    connection.execute(
        sql.SQL("comment on view {} is {}").format(name, sql.Literal(view.description))
    )
    return True
