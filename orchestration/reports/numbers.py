"""The numbers of a report, read from the published tables and nowhere else."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg

from orchestration.raw.money import EXPONENTS
from orchestration.reports.daily_overview import Metric, Move, Overview

HISTORY_DAYS = 28


class DataVersion(NamedTuple):
    """Which publication readers see, and how complete it is."""

    publication_id: int
    data_complete_through: datetime | None
    timezone: str
    last_whole_day: date | None


def read_version(connection: psycopg.Connection) -> DataVersion | None:
    """Return what readers see now; None before the first publication."""
    row = connection.execute(
        """
        select
            publication_id,
            data_complete_through,
            timezone,
            (data_complete_through at time zone timezone)::date - 1
        from published.status
        where publication_id is not null
        """
    ).fetchone()
    return DataVersion(*row) if row else None


def read_overview(
    connection: psycopg.Connection,
    *,
    day: date,
    metrics: Sequence[str],
    version: DataVersion,
) -> Overview:
    """Read one day's overview.

    Parameters
    ----------
    metrics : sequence of str
        Metric ids in the order of the page; a metric of money gives one per currency.
    """
    values: defaultdict[tuple[str, str], dict[date, Decimal | None]] = defaultdict(dict)
    for metric_id, currency, on, value in connection.execute(
        """
        select metric_id, dimension_value, day, value
        from published.metrics_daily
        where
            metric_id = any(%s)
            and dimension in ('all', 'currency')
            and day between %s and %s
        """,
        (list(metrics), day - timedelta(days=HISTORY_DAYS - 1), day),
    ):
        values[metric_id, currency][on] = value
    described = {
        metric_id: (title, description, unit)
        for metric_id, title, description, unit in connection.execute(
            "select metric_id, title, description, unit from registry.metrics"
        )
    }
    cards = [
        _metric(metric_id, currency, described[metric_id], found, day=day)
        for wanted in metrics
        for (metric_id, currency), found in sorted(values.items())
        if metric_id == wanted
        and metric_id in described
        and (described[metric_id][2] == "money") == (currency != "all")
    ]
    return Overview(
        day=day,
        timezone=version.timezone,
        close_state=_close_state(connection, day),
        data_complete_through=_known_through(day, version),
        data_version=version.publication_id,
        metrics=cards,
        top_pages=_top_pages(connection, day),
        top_moves=_top_moves(connection, day),
    )


def _close_state(connection: psycopg.Connection, day: date) -> str:
    state = connection.execute(
        "select close_state from published.metrics_daily where day = %s limit 1",
        (day,),
    ).fetchone()
    return state[0] if state else "no data"


def _known_through(day: date, version: DataVersion) -> datetime | None:
    """Return how complete the day is: what comes after it is no news of it.

    The same version of the data must give the same page, and time passes in between.
    """
    if version.data_complete_through is None:
        return None
    next_day = datetime.combine(day + timedelta(days=1), time())
    ends_at = next_day.replace(tzinfo=ZoneInfo(version.timezone)).astimezone(UTC)
    return min(version.data_complete_through, ends_at)


def _metric(
    metric_id: str,
    currency: str,
    described: tuple[str, str, str],
    found: dict[date, Decimal | None],
    *,
    day: date,
) -> Metric:
    title, description, unit = described
    is_money = unit == "money"

    def on(wanted: date) -> Decimal | None:
        value = found.get(wanted)
        if value is None or not is_money:
            return value
        return value.scaleb(-EXPONENTS.get(currency, 2))

    return Metric(
        metric_id=metric_id,
        label=f"{title}, {currency}" if is_money else title,
        unit=unit,
        definition=description,
        value=on(day),
        previous_day=on(day - timedelta(days=1)),
        same_weekday=on(day - timedelta(days=7)),
        history=[on(day - timedelta(days=back)) for back in range(HISTORY_DAYS)][::-1],
        currency=currency if is_money else None,
    )


def _top_pages(connection: psycopg.Connection, day: date) -> list[tuple[str, int]]:
    row = connection.execute(
        "select top_pages from published.dashboard_overview where day = %s", (day,)
    ).fetchone()
    pages = row[0] if row and row[0] else []
    return [(page["page"], int(page["views"])) for page in pages]


def _top_moves(connection: psycopg.Connection, day: date) -> list[Move]:
    rows = connection.execute(
        """
        select source_node, target_node, occurrence_count, session_count
        from published.top_transitions_daily
        where day = %s and not is_remainder and transition_rank <= 10
        order by transition_rank
        """,
        (day,),
    )
    return [Move(*row) for row in rows]
