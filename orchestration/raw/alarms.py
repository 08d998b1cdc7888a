"""Alarms of a scan: refused files, and sources that suddenly send bad records."""

import psycopg

from orchestration.health.alerts import open_alert, resolve_alert
from orchestration.raw.reports import SourceReport

# Below this many records a share says little.
QUARANTINE_RECORDS = 100
QUARANTINE_SHARE = 0.05


def raise_alarms(connection: psycopg.Connection, report: SourceReport) -> None:
    """Open the alerts that a scan gives cause for, and resolve those that are over."""
    _refused_files(connection, report)
    _quarantine_share(connection, report)
    _new_reasons(connection, report)


def _refused_files(connection: psycopg.Connection, report: SourceReport) -> None:
    refused = dict(report.known_refused)
    refused.update(
        (file.name, file.reason or "")
        for file in report.files
        if file.state == "refused"
    )
    incident = f"refused_files:{report.source}"
    if refused:
        reasons = ", ".join(sorted(set(refused.values())))
        open_alert(
            connection,
            incident=incident,
            severity="warning",
            message=f"{len(refused)} files of {report.source} are refused: {reasons}",
        )
    else:
        resolve_alert(connection, incident=incident)


def _quarantine_share(connection: psycopg.Connection, report: SourceReport) -> None:
    loaded = [file.counts for file in report.files if file.state == "loaded"]
    records = sum(counts.record_count for counts in loaded)
    quarantined = sum(counts.quarantined_count for counts in loaded)
    if records < QUARANTINE_RECORDS:
        return
    incident = f"quarantine_share:{report.source}"
    if quarantined > QUARANTINE_SHARE * records:
        open_alert(
            connection,
            incident=incident,
            severity="warning",
            message=(
                f"{quarantined} of {records} records of {report.source} were"
                " quarantined"
            ),
        )
    else:
        resolve_alert(connection, incident=incident)


def _new_reasons(connection: psycopg.Connection, report: SourceReport) -> None:
    """Tell of reasons for which nothing of the source was set aside before."""
    loads = [file.load_id for file in report.files if file.load_id is not None]
    if not any(file.counts.quarantined_count for file in report.files):
        return
    reasons = connection.execute(
        """
        select distinct aside.reason
        from raw.set_aside as aside
        where
            aside.load_id = any(%(loads)s)
            and aside.outcome = 'quarantined'
            and exists (
                select 1
                from ops.loads as loads
                where
                    loads.source = %(source)s
                    and loads.kind = 'file'
                    and loads.load_id < %(first)s
            )
            and not exists (
                select 1
                from raw.set_aside as before
                where
                    before.source = %(source)s
                    and before.reason = aside.reason
                    and before.load_id < %(first)s
            )
        """,
        {"loads": loads, "source": report.source, "first": min(loads)},
    )
    for (reason,) in reasons.fetchall():
        open_alert(
            connection,
            incident=f"quarantine_reason:{report.source}:{reason}",
            severity="info",
            message=f"{report.source} sends records quarantined as {reason}: new",
        )
