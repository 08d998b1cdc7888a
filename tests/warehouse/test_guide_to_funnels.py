"""Every example of the guide to funnels counts what the guide says it does."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from orchestration.registry.documents import read_document
from orchestration.warehouse.connection import connect
from tests.warehouse.definitions_of_funnels import define_funnels, step
from tests.warehouse.erasure_world import fresh_database
from tests.warehouse.histories import START, Event, build, load

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "funnels.md"
EXAMPLE = re.compile(r"```yaml\n([^`]*)```\n+```\n([^`]*)```")
SHOWN = 20


def examples():
    """Return the funnel, the rows and the expected lines of every example."""
    found = []
    for number, (body, text) in enumerate(EXAMPLE.findall(GUIDE.read_text())):
        data = read_document(body.encode(), file="guide").data
        lines = text.strip().splitlines()
        rows = [line.split() for line in lines if not line.startswith("→")]
        said = [line[1:].strip() for line in lines if line.startswith("→")]
        steps = [step("see", "custom.see"), step("buy", "custom.buy")]
        funnel = {"title": "Example", "steps": steps} | data
        found.append((f"example_{number}", funnel, rows, said))
    return found


EXAMPLES = examples()


def events(name, rows):
    for number, (time, who, what, *rest) in enumerate(rows):
        hours, minutes, *seconds = (int(part) for part in time.split(":"))
        moment = timedelta(hours=hours, minutes=minutes, seconds=sum(seconds))
        yield Event(
            f"{name}-{number}",
            START + moment,
            f"custom.{what}",
            device_id=f"{name}-{who}",
            properties={"example": name, **dict(pair.split("=") for pair in rest)},
        )


def counted(connection, name, plan):
    """Return the example's results as the guide writes them, the total first."""
    sql, bins, top = plan
    rows = connection.execute(
        "select results.*, steps.step_name from funnels.results("
        f"'marts.funnel_attempts', %s, {sql}, %s, %s, null, null, '2026-04-01') "
        "as results inner join registry.funnel_steps as steps "
        "on steps.funnel_id = %s and steps.step_index = results.step_index",
        (name, bins, top, name),
    )
    names = [column.name for column in rows.description]
    found = {}
    for values in rows.fetchall():
        row = dict(zip(names, values, strict=True))
        group = {"total": "", "value": f"{row['breakdown_value']}: "}.get(
            row["breakdown"], f"{row['breakdown']}: "
        )
        found.setdefault(group, []).append(row)
    return found


def written(group, rows, said):
    """Return the line for a group, with as much in it as the guide says."""
    text = group + ", ".join(f"{row['step_name']} {row['unit_count']}" for row in rows)
    if "took" in said:
        bins = " ".join(map(str, rows[-1]["time_histogram"]))
        return f"{text}; {rows[-1]['step_name']} took {bins}"
    states = [
        f"{state} {rows[0][f'{state}_count']}"
        for state in ("excluded", "left", "dropped")
        if rows[0][f"{state}_count"]
    ]
    return f"{text}; {', '.join(states)}" if ";" in said else text


@pytest.fixture(scope="module")
def answers(server_url, template_database):
    """Build all examples at once: each looks at its own rows only."""
    with (
        fresh_database(server_url, template_database) as url,
        connect(url, application_name="tests") as connection,
    ):
        funnels = {}
        for name, body, rows, _ in EXAMPLES:
            funnels[name] = body | {"where": {"property": "example", "is": name}}
            load(connection, list(events(name, rows)))
        define_funnels(connection, funnels)
        build(connection, url=url, select=["+funnel_steps_daily"])
        plans = connection.execute(
            "select funnel_id, plan_sql, time_bin_count, breakdown_top "
            "from registry.funnel_plans"
        ).fetchall()
        return {name: counted(connection, name, plan) for name, *plan in plans}


@pytest.mark.parametrize(
    ("name", "said"), [(name, said) for name, _, _, said in EXAMPLES]
)
def test_an_example_counts_what_the_guide_says(name, said, answers):
    groups = answers[name]
    lines = []
    for line in said:
        group = f"{line.split(': ')[0]}: " if ": " in line else ""
        lines.append(written(group, groups[group], line))
    assert lines == said
    assert len(said) == len(groups)


def test_every_setting_has_an_example():
    text = GUIDE.read_text()
    settings = {
        *(
            "window",
            "within",
            "optional",
            "ordering",
            "scope",
            "scope_also",
            "anchored",
        ),
        *("exclusions", "hold_constant", "counting", "reentry", "unit", "account"),
        *(
            "simultaneous_within",
            "breakdown",
            "entries",
            "clip_conversions",
            "time_bins",
        ),
    }
    in_examples = " ".join(body for body, _ in EXAMPLE.findall(text))
    assert {name for name in settings if f"{name}:" not in in_examples} == set()
    assert len(EXAMPLES) >= SHOWN
    assert date(2026, 3, 1) == START.date()
