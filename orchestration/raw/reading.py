"""From the bytes of a landing file to its records, one at a time.

What is wrong with one record is said in its `problem`; what is wrong with the file
as a whole raises `Refused`, at the start or anywhere on the way.
"""

from collections.abc import Iterator

from msgspec.structs import replace as replaced

from orchestration.raw.envelope import FIELDS
from orchestration.raw.formats.access_log import parse_line, read_access_log
from orchestration.raw.formats.compression import (
    Readable,
    Replayed,
    Seekable,
    compression_of,
    decompressed,
)
from orchestration.raw.formats.counts import Counts
from orchestration.raw.formats.delimited import read_csv
from orchestration.raw.formats.detection import (
    HEAD_SIZE,
    PARQUET_MAGIC,
    UTF8_MARK,
    format_of,
    refuse_foreign,
)
from orchestration.raw.formats.json_document import read_document
from orchestration.raw.formats.json_values import record_of
from orchestration.raw.formats.ndjson import read_ndjson
from orchestration.raw.formats.plain_lines import Plain
from orchestration.raw.formats.properties import unpacked
from orchestration.raw.formats.refusals import REFUSALS, Refused
from orchestration.raw.records import Record

__all__ = [
    "FORMATS",
    "REFUSALS",
    "RecordReader",
    "Refused",
    "read_again",
    "read_records",
]

FORMATS = ("ndjson", "json", "csv", "parquet", "access_log")


class RecordReader:
    """The records of one file, read as they are asked for.

    Attributes
    ----------
    format : str
        One of `FORMATS`, as declared or found.
    compression : str or None
        `gzip` or `zstd`, found by the first bytes.
    """

    def __init__(
        self,
        stream: Seekable,
        *,
        name: str,
        format: str = "auto",  # noqa: A002  the word that sources use
        batch_key: str = "events",
        plain: Plain | None = None,
    ) -> None:
        if format not in {"auto", *FORMATS}:
            msg = f"format must be auto or one of {', '.join(FORMATS)}, got {format!r}"
            raise ValueError(msg)
        self._counts = Counts()
        self._batch_key = batch_key
        # A field that holds a batch holds no event.
        self._plain = plain if batch_key not in FIELDS else None
        start = stream.read(16)
        self.compression = compression_of(start)
        if start.startswith(PARQUET_MAGIC) and format in {"auto", "parquet"}:
            self.format = "parquet"
            self._records = _rows(stream, self._plain)
            return
        text = decompressed(Replayed(start, stream), self.compression)
        self._open_text(text, name=name, declared=format)

    @property
    def blank_count(self) -> int:
        """Lines without content met so far; they are no records."""
        return self._counts.blank

    def __iter__(self) -> Iterator[Record]:
        """Go on where reading stopped; a file is read once."""
        return self._records

    def __next__(self) -> Record:
        """Return the next record."""
        return next(self._records)

    def again(self, record: Record) -> Record:
        """Read a record that was decoded by `plain` as any other."""
        read = read_again(record.raw, format=self.format)
        return replaced(read, line=record.line, offset=record.offset)

    def _open_text(self, text: Readable, *, name: str, declared: str) -> None:
        head = _read_up_to(text, HEAD_SIZE)
        is_whole = len(head) < HEAD_SIZE
        mark = len(UTF8_MARK) if head.startswith(UTF8_MARK) else 0
        head = head[mark:]
        refuse_foreign(head)
        if declared == "auto":
            self.format = format_of(
                head, is_whole=is_whole, name=name, batch_key=self._batch_key
            )
        else:
            self.format = declared
        if self.format == "parquet" and head:
            raise Refused("wrong_format")
        self._records = self._read_text(Replayed(head, text), offset=mark)

    def _read_text(self, stream: Readable, *, offset: int) -> Iterator[Record]:
        counts, batch_key = self._counts, self._batch_key
        if self.format == "json":
            return read_document(stream, batch_key=batch_key, offset=offset)
        if self.format == "csv":
            return read_csv(stream, counts=counts, offset=offset)
        if self.format == "access_log":
            return read_access_log(stream, counts=counts, offset=offset)
        return read_ndjson(
            stream,
            counts=counts,
            batch_key=batch_key,
            offset=offset,
            plain=self._plain,
        )


def read_records(
    stream: Seekable,
    *,
    name: str,
    format: str = "auto",  # noqa: A002  the word that sources use
    batch_key: str = "events",
    plain: Plain | None = None,
) -> RecordReader:
    """Read the records of a landing file in bounded memory.

    Parameters
    ----------
    stream : binary stream
        The file as it lies there, compressed or not; Parquet needs `seek`.
    name : str
        Its name, of which only the suffix is looked at.
    format : str
        One of `FORMATS`, or `auto` to tell by content and suffix.
    batch_key : str
        The field that holds the events of a batch.
    plain : Decoder, optional
        Decodes a JSON line that is plainly an event, and raises for any other line;
        what it returns is the record's value.

    Raises
    ------
    Refused
        Here or while iterating, when the file cannot be loaded as a whole.
    """
    return RecordReader(
        stream, name=name, format=format, batch_key=batch_key, plain=plain
    )


def read_again(raw: bytes, *, format: str) -> Record:  # noqa: A002
    """Read the raw form of one record that was set aside from a file of `format`."""
    if format == "access_log":
        value, problem = parse_line(raw)
        return Record(1, 0, raw, value, problem)
    record = record_of(raw, line=1, offset=0)
    if not isinstance(record.value, dict) or format in {"ndjson", "json"}:
        return record
    value = record.value
    if format == "parquet":
        value = {key: item for key, item in value.items() if item is not None}
    return replaced(record, value=unpacked(value))


def _rows(stream: Seekable, plain: Plain | None) -> Iterator[Record]:
    # Arrow takes half a second to import, which only Parquet should pay.
    from orchestration.raw.formats.parquet import read_parquet  # noqa: PLC0415

    stream.seek(0)
    yield from read_parquet(stream, plain=plain)


def _read_up_to(stream: Readable, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
