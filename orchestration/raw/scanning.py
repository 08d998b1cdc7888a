"""What a scan finds: which files are new, which were seen, which must not be loaded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg

from orchestration.raw.ledger import FileSeen


@dataclass
class Scan:
    """The files of a source, sorted by what is to be done with them."""

    new: list[FileSeen] = field(default_factory=list)
    skipped_count: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class Version(NamedTuple):
    """A content that was loaded under a name before."""

    size_bytes: int
    sha256: bytes


def compare_with_ledger(
    connection: psycopg.Connection, source: str, files: Iterable[FileSeen]
) -> Scan:
    """Tell new files from those that the ledger knows by name, size, time and etag.

    A refused file whose content came in under another name is an alias of it now.
    """
    connection.execute(
        """
        update ops.files as files
        set status = 'alias', load_id = loads.load_id, reason = null
        from ops.loads as loads
        where
            files.source = %s
            and files.status = 'refused'
            and loads.source = files.source
            and loads.sha256 = files.sha256
            and loads.kind = 'file'
        """,
        (source,),
    )
    known = {
        FileSeen(*columns): reason if status == "refused" else None
        for *columns, status, reason in connection.execute(
            "select uri, size_bytes, modified_at, etag, status, reason"
            " from ops.files where source = %s",
            (source,),
        )
    }
    scan = Scan()
    for file in files:
        if file not in known:
            scan.new.append(file)
            continue
        scan.skipped_count += 1
        reason = known[file]
        if reason is not None:
            scan.refused[file.uri] = reason
    return scan


def latest_versions(
    connection: psycopg.Connection, source: str, names: Iterable[str]
) -> Mapping[str, Version]:
    """Return the last content that was loaded under each name."""
    rows = connection.execute(
        """
        select distinct on (uri) uri, size_bytes, sha256
        from ops.files
        where source = %s and uri = any(%s) and status <> 'refused'
        order by uri asc, seen_at desc
        """,
        (source, list(names)),
    )
    return {uri: Version(size, bytes(sha256)) for uri, size, sha256 in rows}


def loaded_contents(
    connection: psycopg.Connection, source: str, hashes: Iterable[bytes]
) -> Mapping[bytes, int]:
    """Return the load of each content that was loaded before, by SHA-256.

    A file that an erasure rewrote is a content of its load, too.
    """
    rows = connection.execute(
        """
        select sha256, load_id
        from ops.files
        where source = %(source)s and sha256 = any(%(hashes)s) and load_id is not null
        union
        select sha256, load_id
        from ops.loads
        where source = %(source)s and sha256 = any(%(hashes)s) and kind = 'file'
        """,
        {"source": source, "hashes": list(hashes)},
    )
    return {bytes(sha256): load_id for sha256, load_id in rows}
