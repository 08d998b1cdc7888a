"""A small registry on disk, to be spoiled by tests."""

from textwrap import dedent

FILES = {
    "consent.yml": """
        policy_version: 1
        purposes:
          - {purpose: analytics, basis: consent}
          - {purpose: accounting, basis: legal_obligation}
        """,
    "retention.yml": """
        classes:
          - {data_class: raw_events, days: 365, reason: a year}
        """,
    "defaults.yml": "days_late_allowed: 3\n",
    "engagement.yml": "score: {weights: {page_view: 1}}\n",
    "identity.yml": "mode: time_bounded\n",
    "journeys.yml": "collapse_repeats: true\n",
    "metrics.yml": """
        sessions:
          title: Sessions
          description: Sessions that began on the day.
          owner: data team
          formula: sessions by started_on
          tested_by: ["tests/a.py::test_sessions"]
          unit: count
        """,
    "funnels/booking.yml": """
        title: Booking
        steps:
          - name: visit
            events:
              - event: page_view
          - name: request
            events:
              - event: booking_attempt
                where: {column: platform, is: web}
        """,
    "segments/active.yml": """
        title: Active
        rule: {column: active_day_count_28d, at_least: 1}
        """,
    "experiments/button.yml": """
        title: Button
        state: RUNNING
        starts_at: 2026-01-05T00:00:00Z
        arms:
          - variant: control
          - variant: treatment
        metrics:
          - name: booked
            events:
              - event: booking_attempt
        """,
    "reports/daily.yml": """
        title: Daily
        cron: 30 6 * * *
        formats: [html]
        metrics: [sessions]
        """,
}


def write_registry(directory, **changed):
    """Write the files, with texts replaced by path (`/` and `.` as `__` and `_`)."""
    texts = FILES | {
        name: text for key, text in changed.items() for name in [named(key)]
    }
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(dedent(text).lstrip("\n"))
    return directory


def named(key):
    return f"{key.replace('__', '/')}.yml"
