"""What one transaction of a load writes: rows, keys, set-aside records, counts, days.

Nothing here reads a file or decides what a record means. Everything is written through
one connection, so that all of it happens or none.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import date
from operator import attrgetter
from typing import cast

import numpy as np
import psycopg

from orchestration.raw.bulk import copy_packed
from orchestration.raw.chunks import Chunk, Part
from orchestration.raw.clocks import to_micros
from orchestration.raw.fixed_columns import pack_keys
from orchestration.raw.ledger import Counts, close_loads, open_load
from orchestration.raw.packing import (
    KEY_COLUMNS,
    PACKED_COLUMNS,
    pack_int8,
    pack_key,
)
from orchestration.raw.partitions import Partitions
from orchestration.raw.replacing import (
    delete_replaced,
    exchange_conflicts,
    move_keys,
)
from orchestration.raw.row_columns import EPOCH_DAY, Rows
from orchestration.raw.set_aside import copy_set_aside, insert_conflicts
from orchestration.raw.touched import Touched
from orchestration.raw.winners import Identity, StoredKey, Verdict, decide
from orchestration.warehouse.connection import connect

# Outcomes of records that are set aside, and the column of the ledger that counts
# them. A record held for being too late waits for a person, like a quarantined one.
_COUNTED_AS = {
    "quarantined": "quarantined_count",
    "held": "quarantined_count",
    "waiting_for_consent": "waiting_for_consent_count",
}


@contextmanager
def load_transaction(url: str, source: str) -> Iterator[psycopg.Connection]:
    """Open the transaction of a load: no build runs, no other load of the source."""
    with connect(url, application_name=f"daybook load {source}") as connection:
        connection.execute(
            "select pg_advisory_xact_lock_shared(hashtext('daybook.truth'))"
        )
        connection.execute(
            "select pg_advisory_xact_lock(hashtext('daybook.source'), hashtext(%s))",
            (source,),
        )
        # Without statistics, as after the first load, the planner would read all of
        # raw.event_keys for every chunk: 271 ms against 60 ms at 5 million keys.
        connection.execute("set local enable_seqscan = off")
        yield connection


class Writing:
    """The writes of one transaction, chunk by chunk, then the ledger's counts."""

    def __init__(
        self, connection: psycopg.Connection, *, source: str, partitions: Partitions
    ) -> None:
        self._connection = connection
        self._source = source
        self._partitions = partitions
        self._replacements: dict[int, int] = {}
        self.counts: defaultdict[int, Counts] = defaultdict(Counts)
        self.touched = Touched()

    def write(self, parts: Sequence[Part]) -> None:
        """Write a chunk; rows of earlier chunks count as stored."""
        for part in parts:
            self._count_records(part)
        copy_set_aside(self._connection, self._source, parts)
        chunk = Chunk(parts)
        if not len(chunk.rows):
            return
        keys, clashing = _sorted_keys(chunk)
        stored, probes = self._probe(keys)
        doubtful = probes.keys() | clashing
        verdict = _judged(chunk, stored, doubtful)
        if verdict.better:
            self._replace(chunk, verdict, stored)
        self._accept(chunk, verdict.new + verdict.better)
        new = chunk.rows.take(np.array(verdict.new, dtype=np.int64))
        self._insert_keys(new, probes, doubtful)
        insert_conflicts(self._connection, self._source, chunk, verdict.conflicts)
        for position in verdict.duplicates:
            self.counts[chunk.load_ids[position]].duplicate_count += 1
        for position in verdict.conflicts:
            self.counts[chunk.load_ids[position]].conflict_count += 1
        self.touched.flush(self._connection, final=False)

    def finish(self) -> None:
        """Write what was touched and the counts of every load of the transaction."""
        self.touched.flush(self._connection)
        close_loads(self._connection, self.counts)

    def _count_records(self, part: Part) -> None:
        counts = self.counts[part.load_id]
        counts.record_count += part.batch.record_count
        counts.not_consented_count += part.batch.not_consented_count
        counts.suppressed_count += part.batch.suppressed_count
        for record in part.batch.set_aside:
            name = _COUNTED_AS[record.outcome]
            setattr(counts, name, getattr(counts, name) + 1)

    def _probe(
        self, keys: Sequence[int]
    ) -> tuple[dict[Identity, StoredKey], dict[int, int]]:
        """Return the stored copies of the chunk's events, and the next free probes."""
        stored: dict[Identity, StoredKey] = {}
        probes: dict[int, int] = {}
        # In a select of its own, since the planner would weigh every key it sees.
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(
                """
                select
                    key, id_hash, probe, occurred_on, received_at, payload_hash, sent_at
                from raw.event_keys
                where key = any((select %s::bigint[])::bigint[])
                """,
                (f"{{{','.join(map(str, keys))}}}",),
            )
            for key, id_hash, probe, *columns in cursor:
                stored[key, id_hash] = StoredKey(probe, *columns)
                probes[key] = max(probes.get(key, 0), probe + 1)
        return stored, probes

    def _replace(
        self, chunk: Chunk, verdict: Verdict, stored: dict[Identity, StoredKey]
    ) -> None:
        """Remove the stored rows that better copies replace, and note their days."""
        replaced = delete_replaced(
            self._connection, self._source, chunk, verdict.better, stored
        )
        verdict.duplicates += [at for at in verdict.better if at not in replaced]
        verdict.better = list(replaced)
        move_keys(self._connection, chunk, verdict.better, stored)
        for position, before in replaced.items():
            entry = self._replacement(chunk.load_ids[position])
            self.counts[entry].replaced_count += 1
            self.touched.add_days(
                [(entry, before.occurred_on, before.event_name)], change=-1
            )
            self.touched.add_devices(
                entry, [before.device_id], [to_micros(before.occurred_at)]
            )
        exchange_conflicts(
            self._connection, self._source, chunk, replaced, self._replacements
        )

    def _replacement(self, load_id: int) -> int:
        """Return the ledger row for what the copies of a load replaced."""
        if load_id not in self._replacements:
            self._replacements[load_id] = open_load(
                self._connection,
                "replacement",
                source=self._source,
                reason=f"better copies in load {load_id}",
            )
        return self._replacements[load_id]

    def _accept(self, chunk: Chunk, positions: Sequence[int]) -> None:
        by_load = list(chunk.by_load(positions))
        days = {
            date.fromordinal(EPOCH_DAY + day)
            for _, rows in by_load
            for day in np.unique(rows.days).tolist()
        }
        self._partitions.ensure(days)
        copy_packed(
            self._connection,
            "raw.events",
            PACKED_COLUMNS,
            ((pack_int8(load_id), rows.packed) for load_id, rows in by_load),
        )
        for load_id, rows in by_load:
            self.touched.add_rows(load_id, rows)
            self.counts[load_id].accepted_count += len(rows)
            self.counts[load_id].accepted_with_violation_count += int(
                rows.has_violation.sum()
            )

    def _insert_keys(
        self, rows: Rows, probes: Mapping[int, int], doubtful: AbstractSet[int]
    ) -> None:
        is_shared = _is_among(rows, doubtful)
        shared = rows.take(np.flatnonzero(is_shared))
        alone = np.flatnonzero(~is_shared)
        order = alone[np.argsort(rows.event_keys[alone])]
        packed = pack_keys(
            {
                "key": rows.event_keys[order],
                "id_hash": rows.id_hashes[order],
                "occurred_on": rows.days[order],
                "received_at": rows.received_at[order],
                "payload_hash": rows.payload_hashes[order],
                "sent_at": rows.sent_at[order],
            }
        )
        packed += _other_keys(shared, probes)
        copy_packed(self._connection, "raw.event_keys", KEY_COLUMNS, [(b"", packed)])


def _sorted_keys(chunk: Chunk) -> tuple[list[int], set[int]]:
    """Return the keys of a chunk, and which of them more than one row has.

    Sorted, so that the index is read front to back rather than at random.
    """
    keys = np.sort(chunk.rows.event_keys)
    is_repeated = keys[1:] == keys[:-1]
    return keys.tolist(), set(keys[1:][is_repeated].tolist())


def _judged(
    chunk: Chunk, stored: Mapping[Identity, StoredKey], doubtful: AbstractSet[int]
) -> Verdict:
    """Decide about rows whose keys others have; all other rows are new."""
    if not doubtful:
        return Verdict(new=list(range(len(chunk.rows))))
    is_doubtful = _is_among(chunk.rows, doubtful)
    verdict = decide(chunk.rows, np.flatnonzero(is_doubtful), stored)
    verdict.new += np.flatnonzero(~is_doubtful).tolist()
    verdict.new.sort()
    return verdict


def _is_among(rows: Rows, keys: AbstractSet[int]) -> np.ndarray:
    """Tell of each row whether its key is one of a few."""
    return np.isin(rows.event_keys, np.array(list(keys), dtype=np.int64))


def _other_keys(rows: Rows, probes: Mapping[int, int]) -> Iterator[bytes]:
    """Yield the keys of rows that share theirs with others, in their order."""
    before, probe = None, 0
    for row in sorted(rows, key=attrgetter("event_key")):
        # Every row has an identity by now.
        key = cast("int", row.event_key)
        probe = probe + 1 if key == before else probes.get(key, 0)
        before = key
        yield pack_key(row, probe)
