"""One source's share of a scan: its new files, hashed, read and loaded in groups."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from psycopg import errors

from orchestration.raw.groups import GroupLoaded, ReadFile, load_group
from orchestration.raw.intake import ChangedError, Intake
from orchestration.raw.landing import LandingFile, LandingUnreachable
from orchestration.raw.ledger import FileSeen, record_files, record_refused
from orchestration.raw.memory import few_collections
from orchestration.raw.packing import NotStorableError
from orchestration.raw.reading import Refused
from orchestration.raw.reports import FileOutcome, FileState, SourceReport
from orchestration.raw.scanning import (
    Version,
    compare_with_ledger,
    latest_versions,
    loaded_contents,
)
from orchestration.warehouse.connection import connect

# Whole small files wait for each other up to this many records or bytes.
GROUP_ROWS = 50_000
GROUP_BYTES = 64 << 20

CHANGED = "changed"
GROWN = "grown"
NOT_STORABLE = "not_storable"

# Two sources may take the same key at once, one time in 2**64; then one comes again.
_ATTEMPTS = 3
_RETRIED = (errors.UniqueViolation, errors.DeadlockDetected)


class SourceLoad:
    """Loads what is new of one source."""

    def __init__(self, url: str, source: str, intake: Intake) -> None:
        self._url = url
        self._source = source
        self._intake = intake
        self._group: list[ReadFile] = []
        self._group_rows = self._group_bytes = 0
        self._listed: dict[bytes, LandingFile] = {}
        self._aliases: list[tuple[LandingFile, bytes]] = []
        self._grown: set[bytes] = set()
        self.report = SourceReport(source)

    @property
    def row_count(self) -> int:
        """Return how many rows this scan has brought so far."""
        waiting = sum(len(read.first.rows) for read in self._group)
        return waiting + sum(file.counts.accepted_count for file in self.report.files)

    @few_collections()
    def run(self, files: Iterable[LandingFile], *, now: datetime) -> SourceReport:
        """Load the new ones of the files listed, and report on all of them."""
        hashed = list(self._hash(self._unknown(files), now=now))
        with connect(self._url, application_name="daybook scan") as connection:
            versions = latest_versions(
                connection, self._source, [file.uri for file, _ in hashed]
            )
            loaded = loaded_contents(
                connection, self._source, [sha256 for _, sha256 in hashed]
            )
        for file, sha256 in hashed:
            if sha256 in loaded or sha256 in self._listed:
                self._aliases.append((file, sha256))
            elif self._is_admitted(file, sha256, versions.get(file.uri)):
                self._read(file, sha256)
        self._load_group()
        self._record_aliases()
        return self.report

    def _unknown(self, files: Iterable[LandingFile]) -> list[LandingFile]:
        """Return the files that the ledger does not know; these alone are opened."""
        listed = {FileSeen(*file[:4]): file for file in files}
        with connect(self._url, application_name="daybook scan") as connection:
            scan = compare_with_ledger(connection, self._source, listed)
        self.report.skipped_count = scan.skipped_count
        self.report.known_refused = scan.refused
        return [listed[seen] for seen in scan.new]

    def _hash(
        self, files: Iterable[LandingFile], *, now: datetime
    ) -> Iterator[tuple[LandingFile, bytes]]:
        for file in files:
            if not self._intake.store.is_ready(file, now=now):
                self._note(file, "waiting", "not_finished")
                continue
            try:
                yield file, self._intake.store.sha256(file)
            except LandingUnreachable:
                self._note(file, "unreadable", "landing_unreachable")

    def _is_admitted(
        self, file: LandingFile, sha256: bytes, before: Version | None
    ) -> bool:
        """Tell whether a name may bring this content: a new name, or a grown file."""
        if before is None:
            return True
        if file.size_bytes > before.size_bytes:
            try:
                start = self._intake.hash_start(file, before.size_bytes)
            except LandingUnreachable:
                self._note(file, "unreadable", "landing_unreachable")
                return False
            if start == before.sha256:
                self._grown.add(sha256)
                return True
        self._refuse(file, sha256, CHANGED)
        return False

    def _read(self, file: LandingFile, sha256: bytes) -> None:
        read = self._attempt(file, sha256)
        if read is None:
            return
        self._listed[sha256] = file
        if read.is_whole:
            self._group.append(read)
            self._group_rows += read.first.record_count
            self._group_bytes += file.size_bytes
            if self._group_rows >= GROUP_ROWS or self._group_bytes >= GROUP_BYTES:
                self._load_group()
        else:
            # Alone: should its end refuse it, nothing else is undone with it.
            self._load_group()
            self._load_long(file, read)

    def _attempt(self, file: LandingFile, sha256: bytes) -> ReadFile | None:
        """Read the start of a file; None if it is not to be loaded."""
        try:
            return self._intake.read(file, sha256=sha256)
        except (Refused, NotStorableError) as refused:
            reason = getattr(refused, "reason", NOT_STORABLE)
            self._refuse(file, sha256, reason)
        except ChangedError:
            self._note(file, "waiting", "changed_while_read")
        except LandingUnreachable:
            self._note(file, "unreadable", "landing_unreachable")
        return None

    def _load_group(self) -> None:
        """Load the files that waited for each other, in one transaction."""
        files, self._group = self._group, []
        self._group_rows = self._group_bytes = 0
        try:
            self._load_whole(files)
        except NotStorableError:
            # One of them has a row that the normaliser should have set aside: the
            # others are not held up by it.
            for read in files:
                try:
                    self._load_whole([read])
                except NotStorableError:
                    sha256 = read.load.sha256
                    self._refuse(self._listed.pop(sha256), sha256, NOT_STORABLE)

    def _load_whole(self, files: list[ReadFile]) -> None:
        if not files:
            return
        for attempt in range(_ATTEMPTS):
            try:
                result = load_group(self._url, self._source, files)
            except _RETRIED:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                self._note_loaded(files, result)
                return

    def _load_long(self, file: LandingFile, read: ReadFile) -> None:
        """Load a file of many chunks, in a transaction of its own."""
        sha256 = read.load.sha256
        for attempt in range(_ATTEMPTS):
            try:
                result = load_group(self._url, self._source, [read])
            except _RETRIED:
                again = self._attempt(file, sha256)
                if again is None or attempt == _ATTEMPTS - 1:
                    raise
                read = again
            except (Refused, NotStorableError) as refused:
                self._listed.pop(sha256, None)
                reason = getattr(refused, "reason", NOT_STORABLE)
                self._refuse(file, sha256, reason)
                return
            except ChangedError:
                self._note(file, "waiting", "changed_while_read")
                return
            except LandingUnreachable:
                self._note(file, "unreadable", "landing_unreachable")
                return
            else:
                self._note_loaded([read], result)
                return

    def _note_loaded(self, files: Iterable[ReadFile], result: GroupLoaded) -> None:
        for read in files:
            sha256 = read.load.sha256
            file = self._listed[sha256]
            counts = result.counts.get(sha256)
            reason = GROWN if sha256 in self._grown else None
            if counts is None:
                self._note(file, "alias", "loaded_meanwhile")
            else:
                self.report.files.append(
                    FileOutcome(
                        source=self._source,
                        name=file.uri,
                        state="loaded",
                        size_bytes=file.size_bytes,
                        reason=reason,
                        load_id=result.load_ids[sha256],
                        counts=counts,
                    )
                )
        self.report.replaced_count += result.replaced_count
        self.report.days |= result.days

    def _record_aliases(self) -> None:
        """Remember the further names of contents, whose loads are now known."""
        if not self._aliases:
            return
        with connect(self._url, application_name="daybook scan") as connection:
            hashes = {sha256 for _, sha256 in self._aliases}
            load_ids = loaded_contents(connection, self._source, hashes)
            for file, sha256 in self._aliases:
                if sha256 not in load_ids:
                    self._note(file, "waiting", "same_content_not_loaded")
                    continue
                record_files(
                    connection,
                    self._source,
                    [FileSeen(*file[:4])],
                    sha256=sha256,
                    load_id=load_ids[sha256],
                )
                self._note(file, "alias")

    def _refuse(self, file: LandingFile, sha256: bytes, reason: str) -> None:
        with connect(self._url, application_name="daybook scan") as connection:
            record_refused(
                connection,
                self._source,
                FileSeen(*file[:4]),
                sha256=sha256,
                reason=reason,
            )
        self._note(file, "refused", reason)

    def _note(
        self, file: LandingFile, state: FileState, reason: str | None = None
    ) -> None:
        self.report.files.append(
            FileOutcome(
                source=self._source,
                name=file.uri,
                state=state,
                size_bytes=file.size_bytes,
                reason=reason,
            )
        )
