"""Erasure of one person, from landing files to what readers see, and its proof.

A request becomes a row and a due date; the person's names are written down; from then
on loads refuse them. Then every place is emptied, what follows from raw is built and
published again, and everything is searched. Only a search without a hit ends the
erasure, in one transaction with its receipt and the end of the notes about the person.

Killed anywhere, the same call finishes the work: each step can be done again.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from orchestration.identity.changes import forget_changes
from orchestration.privacy.app_erasure import erase_app_rows
from orchestration.privacy.erasure_ledger import (
    note_done,
    note_failure,
    note_step,
    note_visits,
    open_request,
    read_visits,
)
from orchestration.privacy.event_erasure import erase_events
from orchestration.privacy.landing_erasure import (
    erase_landing,
    local_landing,
)
from orchestration.privacy.places import Place, read_places
from orchestration.privacy.receipts import issue_receipt
from orchestration.privacy.retention import read_retention
from orchestration.privacy.subjects import Subject, identify, read_subject
from orchestration.privacy.suppressions import (
    identifier_hash,
    suppression_key,
    wait_for_readers,
)
from orchestration.privacy.traces import Traces, search_everywhere, sweep_tables
from orchestration.quality.published_tables import published_tables
from orchestration.quality.publishing import Terms, publish
from orchestration.raw.app_copying import pseudonym
from orchestration.segments import publication as segments
from orchestration.segments.members import forget_members
from orchestration.settings import Settings
from orchestration.transform.builds import Request as BuildRequest
from orchestration.transform.dbt_run import Project, load_manifest
from orchestration.transform.run import run_build
from orchestration.warehouse.connection import connect

STEPS = ("identify", "events", "app", "landing", "rebuild", "sweep", "prove")


class ErasureError(RuntimeError):
    """Why an erasure is not done; the same call goes on with it. Names nobody."""


@dataclass(frozen=True)
class Request:
    """Whom to erase, and why.

    Attributes
    ----------
    also : tuple of str
        Further names of the person that we cannot know, such as an e-mail address.
    device_ids : tuple of str
        Devices of which the person showed that they are theirs.
    """

    user_id: str = field(repr=False)
    reason: str
    also: tuple[str, ...] = field(default=(), repr=False)
    device_ids: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Refuse a request that names nobody, or whose reason names somebody."""
        if not self.user_id or not self.reason:
            msg = "an erasure needs a user id and a reason"
            raise ValueError(msg)
        if any(name in self.reason for name in (self.user_id, *self.also)):
            msg = "the reason is kept and must not name the person"
            raise ValueError(msg)


@dataclass(frozen=True)
class Receipt:
    """What an erasure did; of a dry run, what it would find."""

    erasure_id: int | None
    body: dict[str, Any]
    hash: bytes = b""


class Erasure:
    """The erasure of one person, step by step.

    Parameters
    ----------
    after : callable, optional
        Told the name of every step that was done.
    places : mapping, optional
        What is done where, if not what `places.yml` says.
    """

    def __init__(
        self,
        url: str,
        *,
        settings: Settings,
        request: Request,
        project: Project | None = None,
        after: Callable[[str], None] | None = None,
        places: dict[str, Place] | None = None,
    ) -> None:
        self._url = url
        self._settings = settings
        self._request = request
        self._project = project or Project.of(settings)
        self._after = after or (lambda _: None)
        self._places = places or read_places()
        self._key = suppression_key(settings)
        self._hash = identifier_hash("user", request.user_id, key=self._key)

    def run(self) -> Receipt:
        """Erase, or go on erasing, and return the receipt.

        Raises
        ------
        ErasureError
            If a step failed or the search found something.
        """
        with self._connect() as connection:
            erasure_id, done = open_request(
                connection, self._hash, self._request.reason
            )
        try:
            for step in STEPS[:-1]:
                if step in done:
                    continue
                getattr(self, f"_{step}")(erasure_id)
                with self._connect() as connection:
                    note_step(connection, erasure_id, step)
                self._after(step)
            receipt = self._prove(erasure_id)
        except Exception as error:
            # Only the kind of foreign errors is kept: their words quote values.
            known = str(error) if isinstance(error, ErasureError) else ""
            with self._connect() as connection:
                note_failure(connection, erasure_id, known or type(error).__name__)
            raise
        self._after("prove")
        with self._connect(autocommit=True) as connection:
            connection.execute("vacuum (analyze) privacy.identifiers")
        return receipt

    def rehearse(self) -> Receipt:
        """Count what would be found, by place; nothing is written."""
        with self._connect() as connection:
            erasure_id, _ = open_request(connection, self._hash, self._request.reason)
            connection.execute(
                "delete from privacy.identifiers where erasure_id = %s", (erasure_id,)
            )
            self._write_names(connection, erasure_id)
            subject = self._subject(connection, erasure_id)
            traces = self._search(
                connection, subject, ignoring=("privacy.identifiers",)
            )
            connection.rollback()
        return Receipt(None, {"places": traces.hits, "files": traces.files.file_count})

    def _connect(self, *, autocommit: bool = False) -> psycopg.Connection:
        return connect(
            self._url, application_name="daybook erase", autocommit=autocommit
        )

    def _identify(self, erasure_id: int) -> None:
        """Bring identity up to date, write the names down, and close the door."""
        self._build()
        with self._connect() as connection:
            wait_for_readers(connection)
            connection.execute(
                "delete from privacy.identifiers where erasure_id = %s", (erasure_id,)
            )
            self._write_names(connection, erasure_id)
            subject = self._subject(connection, erasure_id)
            self._suppress(connection, subject)
            traces = self._search(
                connection, subject, ignoring=("privacy.identifiers",)
            )
            note_visits(connection, erasure_id, "before_count", traces.hits)

    def _suppress(self, connection: psycopg.Connection, subject: Subject) -> None:
        replacement_id = f"erased_{secrets.token_hex(12)}"
        entries = [("user", subject.user_id, replacement_id)]
        entries += [("device", device_id, None) for device_id in subject.device_ids]
        for kind, value, stands_for in entries:
            connection.execute(
                """
                insert into privacy.suppressions (
                    kind, identifier_hash, erasure_id, replacement_id
                )
                values (%s, %s, %s, %s)
                on conflict do nothing
                """,
                (
                    kind,
                    identifier_hash(kind, value, key=self._key),
                    subject.erasure_id,
                    stands_for,
                ),
            )

    def _write_names(self, connection: psycopg.Connection, erasure_id: int) -> None:
        given = self._request
        hide = pseudonym("email", key=self._settings.pseudonym_key())
        hide_phone = pseudonym("phone", key=self._settings.pseudonym_key())
        also = [
            *given.also,
            *(hide(name) for name in given.also),
            *(hide_phone(name) for name in given.also),
        ]
        identify(
            connection,
            erasure_id=erasure_id,
            user_id=given.user_id,
            also=[name for name in also if name],
            device_ids=given.device_ids,
        )

    def _events(self, erasure_id: int) -> None:
        with self._connect() as connection:
            subject = self._subject(connection, erasure_id)
            removed = erase_events(connection, subject)
            note_visits(connection, erasure_id, "removed_count", removed)
            note_step(connection, erasure_id, "events")

    def _app(self, erasure_id: int) -> None:
        with self._connect() as connection:
            subject = self._subject(connection, erasure_id)
            changed = erase_app_rows(
                connection,
                subject,
                places=self._places,
                timezone=self._settings.timezone,
            )
            note_visits(connection, erasure_id, "changed_count", changed)
            note_step(connection, erasure_id, "app")

    def _landing(self, erasure_id: int) -> None:
        with self._connect() as connection:
            subject = self._subject(connection, erasure_id)
        report = erase_landing(self._url, settings=self._settings, subject=subject)
        with self._connect() as connection:
            changed = {"landing files": report.file_count}
            removed = {"landing files": report.record_count}
            note_visits(connection, erasure_id, "changed_count", changed)
            note_visits(connection, erasure_id, "removed_count", removed)

    def _rebuild(self, erasure_id: int) -> None:
        self._build()
        with self._connect() as connection:
            # After the build: from the marts before it the person could come back.
            subject = self._subject(connection, erasure_id)
            removed = {
                "segments.members": forget_members(connection, subject.pseudonyms),
                "identity.person_id_changes": forget_changes(
                    connection, subject.pseudonyms
                ),
            }
            note_visits(connection, erasure_id, "removed_count", removed)
        models = published_tables(load_manifest(self._project))
        tables = [*models, *segments.TABLES]
        with self._connect() as connection:
            terms = Terms(timezone=self._settings.timezone)
            publication = publish(connection, tables=tables, terms=terms)
        if publication.is_held:
            msg = f"the publication was {publication.text()}"
            raise ErasureError(msg)

    def _build(self) -> None:
        report = run_build(
            self._url,
            project=self._project,
            request=BuildRequest(
                run_id="erasure",
                timezone=self._settings.timezone,
                pseudonym_key=self._settings.pseudonym_key(),
            ),
        )
        if not report.succeeded:
            msg = report.text()
            raise ErasureError(msg)

    def _sweep(self, _: int) -> None:
        with self._connect(autocommit=True) as connection:
            sweep_tables(connection)

    def _prove(self, erasure_id: int) -> Receipt:
        """Forget the names, search for them everywhere, and sign; or change nothing."""
        with self._connect() as connection:
            subject = self._subject(connection, erasure_id)
            connection.execute(
                "delete from privacy.identifiers where erasure_id = %s", (erasure_id,)
            )
            traces = self._search(connection, subject)
            if traces.hits:
                places = ", ".join(f"{name} ({n})" for name, n in traces.hits.items())
                msg = f"the search still finds the person in {places}"
                raise ErasureError(msg)
            body = self._body(connection, erasure_id, traces)
            digest = issue_receipt(connection, erasure_id=erasure_id, body=body)
            note_done(connection, erasure_id)
        return Receipt(erasure_id, body, digest)

    def _body(
        self, connection: psycopg.Connection, erasure_id: int, traces: Traces
    ) -> dict[str, Any]:
        [(requested_at,)] = connection.execute(
            "select requested_at from privacy.erasures where erasure_id = %s",
            (erasure_id,),
        ).fetchall()
        now = datetime.now(tz=UTC)
        is_ours = local_landing(self._settings.landing_url) is not None
        return {
            "subject": self._hash.hex(),
            "reason": self._request.reason,
            "requested_at": requested_at.isoformat(),
            "finished_at": now.isoformat(),
            "places": read_visits(connection, erasure_id),
            "search": traces.summary(),
            # Artefacts hold numbers of everybody, never rows of a person.
            "report artefacts": "hold no rows of persons",
            "left to the owner": []
            if is_ours
            else ["landing store: not ours to write; delete the files of the ledger"],
            "backups gone on": self._backups_gone_on(now),
        }

    def _backups_gone_on(self, now: datetime) -> str | None:
        policy = read_retention(self._settings.registry_dir)
        days = policy.days("backups") if policy else None
        return None if days is None else (now + timedelta(days=days)).date().isoformat()

    def _search(
        self,
        connection: psycopg.Connection,
        subject: Subject,
        *,
        ignoring: Iterable[str] = (),
    ) -> Traces:
        return search_everywhere(
            connection,
            subject.needles,
            settings=self._settings,
            url=self._url,
            ignoring=tuple(ignoring),
        )

    def _subject(self, connection: psycopg.Connection, erasure_id: int) -> Subject:
        row = connection.execute(
            """
            select replacement_id from privacy.suppressions
            where kind = 'user' and identifier_hash = %s
            """,
            (self._hash,),
        ).fetchone()
        subject = read_subject(
            connection,
            erasure_id=erasure_id,
            replacement_id=row[0] if row else "erased",
        )
        if subject is None:
            msg = "the notes about the person are gone; ask for the erasure again"
            raise ErasureError(msg)
        return subject


def erase_person(
    url: str, *, settings: Settings, request: Request, dry_run: bool = False
) -> Receipt:
    """Erase one person, or with `dry_run` count what would be found."""
    erasure = Erasure(url, settings=settings, request=request)
    return erasure.rehearse() if dry_run else erasure.run()
