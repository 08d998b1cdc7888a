"""What one transaction of a load writes: rows, keys, set-aside records, counts, days.

Nothing here reads a file or decides what a record means. Everything is written through
one connection, so that all of it happens or none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from orchestration.raw.bulk import copy_rows
from orchestration.raw.chunks import (
    DAY,
    DEVICE,
    INSTANT,
    NAME,
    PAYLOAD,
    RECEIVED,
    SENT,
    VIOLATION,
    Chunk,
    Part,
)
from orchestration.raw.ledger import Counts, Touched, close_loads, open_load
from orchestration.raw.partitions import Partitions
from orchestration.raw.records import EVENT_COLUMNS
from orchestration.raw.replacing import (
    delete_replaced,
    exchange_conflicts,
    move_keys,
)
from orchestration.raw.set_aside import copy_set_aside, insert_conflicts
from orchestration.raw.winners import Identity, StoredKey, Verdict, decide
from orchestration.warehouse.connection import connect

# Outcomes of records that are set aside, and the column of the ledger that counts
# them. A record held for being too late waits for a person, like a quarantined one.
_COUNTED_AS = {
    "quarantined": "quarantined_count",
    "held": "quarantined_count",
    "waiting_for_consent": "waiting_for_consent_count",
}

_KEY_COLUMNS = (
    "key",
    "probe",
    "id_hash",
    "occurred_on",
    "received_at",
    "payload_hash",
    "sent_at",
)


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
        if not chunk.rows:
            return
        stored, probes = self._probe(chunk)
        verdict = decide(chunk.rows, chunk.identities, stored)
        if verdict.better:
            self._replace(chunk, verdict, stored)
        self._accept(chunk, verdict.new + verdict.better)
        self._insert_keys(chunk, verdict.new, probes)
        insert_conflicts(self._connection, chunk, verdict.conflicts)
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

    def _probe(self, chunk: Chunk) -> tuple[dict[Identity, StoredKey], dict[int, int]]:
        """Return the stored copies of the chunk's events, and the next free probes."""
        # Sorted, so that the index is read front to back rather than at random.
        keys = ",".join(map(str, sorted({key for key, _ in chunk.identities})))
        stored: dict[Identity, StoredKey] = {}
        probes: dict[int, int] = {}
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(
                """
                select
                    key, id_hash, probe, occurred_on, received_at, payload_hash, sent_at
                from raw.event_keys
                where key = any(%s::bigint[])
                """,
                (f"{{{keys}}}",),
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
            self.touched.add_devices([(entry, before.device_id, before.occurred_at)])
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
        rows, load_ids = chunk.rows, chunk.load_ids
        self._partitions.ensure({rows[position][DAY] for position in positions})
        copy_rows(
            self._connection,
            "raw.events",
            (*EVENT_COLUMNS, "load_id"),
            (rows[position] + (load_ids[position],) for position in positions),
        )
        self.touched.add_days(
            [(load_ids[at], rows[at][DAY], rows[at][NAME]) for at in positions],
            change=1,
        )
        self.touched.add_devices(
            (load_ids[at], rows[at][DEVICE], rows[at][INSTANT]) for at in positions
        )
        accepted = Counter((load_ids[at], rows[at][VIOLATION]) for at in positions)
        for (load_id, has_violation), count in accepted.items():
            self.counts[load_id].accepted_count += count
            if has_violation:
                self.counts[load_id].accepted_with_violation_count += count

    def _insert_keys(
        self, chunk: Chunk, positions: Sequence[int], probes: dict[int, int]
    ) -> None:
        copy_rows(
            self._connection,
            "raw.event_keys",
            _KEY_COLUMNS,
            _new_keys(chunk, positions, probes),
        )


def _new_keys(
    chunk: Chunk, positions: Sequence[int], probes: dict[int, int]
) -> Iterator[tuple]:
    """Yield the keys of new rows, sorted, so that the index is written in order."""
    rows, identities = chunk.rows, chunk.identities
    for position in sorted(positions, key=identities.__getitem__):
        key, id_hash = identities[position]
        row = rows[position]
        probe = probes.get(key, 0)
        probes[key] = probe + 1
        yield key, probe, id_hash, row[DAY], row[RECEIVED], row[PAYLOAD], row[SENT]
