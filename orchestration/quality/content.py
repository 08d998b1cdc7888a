"""Content as it was: an earlier version, ready for the app to put back."""

from collections.abc import Iterator
from datetime import datetime

import psycopg

COLUMNS = (
    "content_id",
    "content_kind",
    "provider_id",
    "category",
    "title",
    "state",
    "version",
    "published_at",
)


def content_as_of(
    connection: psycopg.Connection, instant: datetime, *, content_id: str | None = None
) -> Iterator[dict[str, object]]:
    """Yield what was in force at an instant, in the app's own words, by id.

    Parameters
    ----------
    content_id : str, optional
        Only of this one; None yields all.
    """
    rows = connection.execute(
        """
        select to_jsonb(content)
        from published.content_versions as content
        where
            valid_from <= %(instant)s
            and coalesce(%(instant)s < valid_to, true)
            and (%(id)s::text is null or content_id = %(id)s)
        order by content_id collate "C"
        """,
        {"instant": instant, "id": content_id},
    )
    for (row,) in rows:
        yield {name: row[name] for name in COLUMNS}
