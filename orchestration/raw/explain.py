"""What would become of every record of a file, without loading it."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from orchestration.raw.normalize import Normalizer
from orchestration.raw.reading import Refused, read_records
from orchestration.raw.records import Batch
from orchestration.raw.row_columns import Row


class Explained(NamedTuple):
    """The outcome of one record. Holds no value of it.

    Attributes
    ----------
    line : int
        0 speaks of the file as a whole.
    pointer : str
        Where in the record the reason lies, as a JSON pointer.
    """

    line: int
    outcome: str
    reason: str = ""
    pointer: str = ""


def explain(
    stream: BinaryIO,
    *,
    name: str,
    format: str,  # noqa: A002  the word that sources use
    normalizer: Normalizer,
) -> Iterator[Explained]:
    """Yield the outcome and the reason of every record of a file, in its order.

    Copies inside the file are told; whether an event was loaded before is not looked
    up. Nothing is written.
    """
    payloads: dict[int | None, int] = {}
    try:
        for record in read_records(stream, name=name, format=format):
            # One by one, since a batch does not say which record was dropped.
            yield _explained(record.line, normalizer.normalize([record]), payloads)
    except Refused as refused:
        yield Explained(0, "refused", refused.reason)


def _explained(line: int, batch: Batch, payloads: dict[int | None, int]) -> Explained:
    if batch.set_aside:
        (record,) = batch.set_aside
        return Explained(line, record.outcome, record.reason, record.pointer)
    if batch.suppressed_count:
        return Explained(line, "suppressed", "erased_person")
    if batch.not_consented_count:
        return Explained(line, "not_consented", "no_purpose")
    return _explained_row(line, batch.rows[0], payloads)


def _explained_row(line: int, row: Row, payloads: dict[int | None, int]) -> Explained:
    payload = payloads.get(row.event_key)
    if payload is None:
        payloads[row.event_key] = row.payload_hash
        if row.has_violation:
            return Explained(line, "accepted_with_violation", "soft_rule")
        return Explained(line, "accepted")
    if payload == row.payload_hash:
        return Explained(line, "duplicate", "same_id_same_payload")
    return Explained(line, "conflict", "same_id_other_payload")
