"""What a scan of the landing store did, file by file. No personal values."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Literal

from orchestration.raw.ledger import Counts
from orchestration.raw.periods import Period

FileState = Literal["loaded", "alias", "refused", "waiting", "unreadable"]


@dataclass(frozen=True)
class FileOutcome:
    """What became of one file that this scan looked into.

    Attributes
    ----------
    state : str
        `loaded`; `alias` of a content that was loaded under another name; `refused`
        for good, as long as it stays as it is; `waiting`, not ready yet; `unreadable`
        this time. The last two are looked at again by the next scan.
    reason : str or None
        Why it was not loaded, or `grown` for a new version of a known file.
    load_id : int or None
        Its row in ops.loads, if it was loaded.
    counts : Counts
        The outcomes of its records, all zero unless it was loaded.
    """

    source: str
    name: str
    state: FileState
    size_bytes: int = 0
    reason: str | None = None
    load_id: int | None = None
    counts: Counts = field(default_factory=Counts)

    def line(self) -> str:
        """Say it in one line."""
        if self.state != "loaded":
            because = f": {self.reason}" if self.reason else ""
            return f"{self.name}: {self.state}{because}"
        outcomes = ", ".join(
            f"{count:,} {name.removesuffix('_count').replace('_', ' ')}"
            for name, count in asdict(self.counts).items()
            if count and name not in {"record_count", "accepted_with_violation_count"}
        )
        grown = " (grown)" if self.reason else ""
        return f"{self.name}{grown}: {self.counts.record_count:,} records: {outcomes}"


@dataclass
class SourceReport:
    """What a scan did for one source."""

    source: str
    files: list[FileOutcome] = field(default_factory=list)
    skipped_count: int = 0
    known_refused: dict[str, str] = field(default_factory=dict)
    replaced_count: int = 0
    days: set[date] = field(default_factory=set)
    complete_through: datetime | None = None
    missing: list[Period] = field(default_factory=list)

    @property
    def unloaded(self) -> frozenset[str]:
        """Return the names that hold back the source's completeness."""
        return frozenset(
            file.name for file in self.files if file.state in {"waiting", "unreadable"}
        )


@dataclass
class LoadReport:
    """What a scan of the landing store did."""

    started_at: datetime
    sources: list[SourceReport] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def files(self) -> Iterator[FileOutcome]:
        """Yield every file that was looked into."""
        for source in self.sources:
            yield from source.files

    @property
    def states(self) -> Counter[str]:
        """Return how many files there were of each state, skipped ones included."""
        counted = Counter(file.state for file in self.files)
        counted["skipped"] = sum(source.skipped_count for source in self.sources)
        return counted

    @property
    def counts(self) -> Counts:
        """Return the outcomes of all records."""
        total = Counts()
        for file in self.files:
            total.add(file.counts)
        total.replaced_count = sum(source.replaced_count for source in self.sources)
        return total

    @property
    def days(self) -> set[date]:
        """Return the days that gained or lost rows."""
        return set().union(*(source.days for source in self.sources))

    @property
    def rows_per_second(self) -> float:
        """Return how many records were loaded per second."""
        return self.counts.record_count / self.seconds if self.seconds else 0.0

    def totals(self) -> dict[str, int]:
        """Return how many files and records met which end, zeros of files left out."""
        records = {
            name.removesuffix("_count") + ("s" if name == "record_count" else ""): count
            for name, count in asdict(self.counts).items()
            # A scan releases and removes nothing.
            if name not in {"released_count", "removed_count"}
        }
        return {
            **{f"files_{state}": count for state, count in self.states.items()},
            **records,
            "days_touched": len(self.days),
            "rows_per_second": round(self.rows_per_second),
        }

    def by_source(self) -> Iterator[dict[str, str | int]]:
        """Yield one row of a small table per source."""
        for source in self.sources:
            states = Counter(file.state for file in source.files)
            through = source.complete_through
            yield {
                "source": source.source,
                "loaded": states["loaded"],
                "skipped": source.skipped_count,
                "refused": states["refused"] + len(source.known_refused),
                "waiting": states["waiting"] + states["unreadable"],
                "accepted": sum(file.counts.accepted_count for file in source.files),
                "quarantined": sum(
                    file.counts.quarantined_count for file in source.files
                ),
                "complete_through": f"{through:%Y-%m-%d %H:%M} UTC" if through else "",
                "missing_periods": len(source.missing),
            }

    def lines(self) -> Iterator[str]:
        """Yield a line per file, then what is missing or refused."""
        for source in self.sources:
            for file in source.files:
                yield f"{source.source}: {file.line()}"
            for name, reason in sorted(source.known_refused.items()):
                yield f"{source.source}: {name}: still refused: {reason}"
            for period in source.missing:
                yield f"{source.source}: nothing for {period.start:%Y-%m-%d %H:%M} UTC"
