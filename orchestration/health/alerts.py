"""Alerts: one per incident, delivered once, resolved when the incident is over."""

import json
import logging
import urllib.error
import urllib.request

import psycopg

LOGGER = logging.getLogger(__name__)
DELIVERY_SECONDS = 10


def open_alert(
    connection: psycopg.Connection, *, incident: str, severity: str, message: str
) -> bool:
    """Open an alert unless the incident has one already; whether it is new.

    Parameters
    ----------
    incident : str
        What is wrong, named so that the same trouble has the same name.
    severity : str
        info, warning or critical.
    message : str
        What a person reads. Never holds a row's values.
    """
    opened = connection.execute(
        """
        insert into ops.alerts (incident_key, severity, message)
        values (%s, %s, %s)
        on conflict (incident_key) where resolved_at is null do nothing
        """,
        (incident, severity, message),
    )
    return opened.rowcount == 1


def resolve_alert(connection: psycopg.Connection, *, incident: str) -> bool:
    """Close the incident's open alert; whether there was one."""
    resolved = connection.execute(
        """
        update ops.alerts set resolved_at = clock_timestamp()
        where incident_key = %s and resolved_at is null
        """,
        (incident,),
    )
    return resolved.rowcount == 1


def deliver_alerts(connection: psycopg.Connection, *, webhook: str | None) -> int:
    """Send every alert that nobody was told of, to the log and the webhook.

    An alert whose webhook fails stays undelivered and is tried again with the next
    call. Two callers at once share the work: each alert is locked by one of them.

    Returns
    -------
    int
        How many were delivered.
    """
    with connection.transaction():
        waiting = connection.execute(
            """
            select alert_id, incident_key, severity, message, opened_at
            from ops.alerts
            where delivered_at is null
            order by alert_id
            for update skip locked
            """
        ).fetchall()
        delivered = []
        for alert_id, incident, severity, message, opened_at in waiting:
            LOGGER.warning("%s: %s (%s)", severity, message, incident)
            body = {
                "alert_id": alert_id,
                "incident": incident,
                "severity": severity,
                "message": message,
                "opened_at": opened_at.isoformat(),
            }
            if webhook is None or _post(webhook, body):
                delivered.append(alert_id)
        connection.execute(
            "update ops.alerts set delivered_at = clock_timestamp() "
            "where alert_id = any(%s)",
            (delivered,),
        )
    return len(delivered)


def _post(webhook: str, body: dict[str, object]) -> bool:
    request = urllib.request.Request(  # noqa: S310 - the operator's own address
        webhook,
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            # A receiver that answers late may see an alert twice; the key tells.
            "Idempotency-Key": f"daybook-alert-{body['alert_id']}",
        },
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=DELIVERY_SECONDS):  # noqa: S310
            return True
    except (urllib.error.URLError, OSError) as error:
        LOGGER.warning("the alert webhook did not answer: %s", type(error).__name__)
        return False
