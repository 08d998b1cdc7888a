"""A dbt project of three models that uses the macros of the real one."""

import shutil
from pathlib import Path

from orchestration.transform.dbt_run import Project
from tests.warehouse.histories import PROJECT

MODELS = {
    "models/intermediate/int_days_counted.sql": """
        {{ config(materialized='incremental', incremental_strategy='replace_changed',
            unique_key=['day'], post_hook='{{ record_rebuilt() }}',
            on_schema_change='fail',
            meta={'rebuild': 'days', 'parents': ['raw.events'], 'day': 'day'}) }}

        select occurred_on as day, count(*) as event_count
        from {{ source('raw', 'events') }}
        where {{ changed_days('occurred_on', ['raw.events']) }}
        group by occurred_on
    """,
    "models/marts/days_doubled.sql": """
        {{ config(materialized='incremental', incremental_strategy='replace_changed',
            unique_key=['day'], post_hook='{{ record_rebuilt() }}',
            on_schema_change='fail',
            meta={'rebuild': 'days', 'parents': ['int_days_counted'], 'day': 'day',
                  'published': {'day': 'day', 'key': ['day']}}) }}

        select day, 2 * event_count as event_count, clock_timestamp() as built_at
        from {{ ref('int_days_counted') }}
        where {{ changed_days('day', ['int_days_counted']) }}
    """,
    "models/marts/totals.sql": """
        select count(*) as event_count from {{ source('raw', 'events') }}
    """,
    "models/sources.yml": """
        sources:
          - name: raw
            schema: raw
            tables: [{name: events}]
    """,
    "dbt_project.yml": """
        name: daybook
        config-version: 2
        profile: daybook
        flags: {send_anonymous_usage_stats: false}
        models:
          daybook:
            +pre-hook: "{{ require_build() }}"
            intermediate: {+schema: intermediate}
            marts: {+schema: marts}
    """,
}


def make_project(folder: Path) -> Project:
    """Write the project into a folder; dbt writes beside it."""
    made = folder / "project"
    for name, text in MODELS.items():
        write(made, name, text)
    shutil.copytree(PROJECT / "macros", made / "macros")
    shutil.copy(PROJECT / "profiles.yml", made)
    return Project(made, folder / "dbt" / "target")


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = text.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    path.write_text("\n".join(line[indent:] for line in lines))


def slow_down(project: Project, seconds: float) -> None:
    """Have the first model take its time."""
    path = project.folder / "models/intermediate/int_days_counted.sql"
    text = path.read_text()
    path.write_text(
        text.replace("group by", f"and pg_sleep({seconds}) is not null\ngroup by", 1)
    )
