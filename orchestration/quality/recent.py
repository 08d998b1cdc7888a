"""Recent activity, for a terminal: what happened up to the watermark, and the moves."""

from collections.abc import Iterator

import psycopg


def tell_recent(connection: psycopg.Connection) -> Iterator[str]:
    """Yield lines: events by range and kind, then the newest day's journeys."""
    ranges = connection.execute(
        """
        select time_range, ends_at, timezone, coalesce(kinds.told, 'nothing')
        from published.recent_ranges as ranges
        left join lateral (
            select string_agg(
                event_type || ' ' || event_count, ', '
                order by event_count desc, event_type
            ) as told
            from (
                select event_type, sum(event_count) as event_count
                from published.recent_activity as activity
                where activity.time_range = ranges.time_range
                group by event_type
                having sum(event_count) > 0
                order by 2 desc, 1
                limit 5
            ) as most
        ) as kinds on true
        order by ranges.starts_at desc
        """
    ).fetchall()
    _, ends_at, timezone, _ = ranges[0]
    yield f"Until {ends_at:%Y-%m-%d %H:%M} UTC, by days of {timezone}"
    for time_range, _, _, told in ranges:
        yield f"  {time_range:<4} {told}"
    yield from _moves(connection)


def _moves(connection: psycopg.Connection) -> Iterator[str]:
    moves = connection.execute(
        """
        select day, source_node, target_node, occurrence_count, session_count
        from published.top_transitions_daily
        where
            day = (select max(day) from published_data.session_transitions_daily)
            and not is_remainder
            and transition_rank <= 10
        order by transition_rank
        """
    ).fetchall()
    if moves:
        yield f"Sessions that began on {moves[0][0]} went most often"
    for _, source, target, occurrences, sessions in moves:
        yield f"  {occurrences:>7,} x {source} > {target}, in {sessions:,} sessions"
