import csv
import io
import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.reports.daily_overview import (
    UNDEFINED,
    Metric,
    Move,
    Overview,
    format_amount,
    format_change,
    relative_change,
    render_csv,
    render_html,
    sparkline_points,
)

CASES = Path(os.environ.get("DAYBOOK_CASES", "../shared/cases"))


def metric(value: str | None, base: str | None = None, unit: str = "count") -> Metric:
    """One metric against a base, so that a case reads as one line."""
    number = None if value is None else Decimal(value)
    against = None if base is None else Decimal(base)
    return Metric("m", "M", unit, "what", number, against, against, [number])


def overview(
    *metrics: Metric,
    pages: list[tuple[str, int]] | None = None,
    moves: list[Move] | None = None,
) -> Overview:
    return Overview(
        date(2026, 10, 31),
        "UTC",
        "closed",
        datetime(2026, 11, 1, 2, tzinfo=UTC),
        7,
        list(metrics),
        pages or [],
        moves or [],
    )


def test_change_against_nothing_is_unknown_never_infinite():
    assert relative_change(Decimal(5), Decimal(0)) is None
    assert format_change(metric("5", "0"), Decimal(0)) == UNDEFINED


def test_rates_change_in_points_and_counts_in_percent():
    assert format_change(metric("0.125", unit="rate"), Decimal("0.1")) == "+2.5 pp"
    assert format_change(metric("110"), Decimal(100)) == "+10.0 %"


def test_an_undefined_value_is_a_dash():
    assert format_amount(None, metric(None)) == UNDEFINED
    assert UNDEFINED in render_html(overview(metric(None))).decode()


def test_a_gap_in_the_history_breaks_the_line():
    assert len(sparkline_points([Decimal(1), None, Decimal(2), Decimal(3)])) == 2


def test_the_same_numbers_give_the_same_bytes():
    page = overview(metric("3", "2"), pages=[("/a", 3)])
    assert render_html(page) == render_html(page)
    assert render_csv(page) == render_csv(page)


@pytest.mark.parametrize("hostile", ["=1+1", "+cmd", "-cmd", "@sum", "\tx", "\rx"])
def test_no_csv_cell_starts_a_formula(hostile):
    body, _ = render_csv(overview(pages=[(hostile, 1)]))
    [_, row] = csv.reader(io.StringIO(body.decode(), newline=""))
    assert row[2] == "'" + hostile


def test_journeys_are_told_by_their_most_frequent_moves():
    told = overview(moves=[Move("start", "/a&b", 1200, 7), Move("/a&b", "end", 9, 7)])
    page = render_html(told).decode()
    first = page.index('<td>start</td><td>/a&amp;b</td><td class="number">1,200</td>')
    assert first < page.index("<td>/a&amp;b</td><td>end</td>")
    body, count = render_csv(told)
    assert b"2026-10-31,top_moves,start > /a&b,1200,,,\r\n" in body
    assert count == 2
    assert "No sessions" in render_html(overview()).decode()


def test_a_negative_number_stays_a_number():
    body, _ = render_csv(overview(metric("-5")))
    assert b",-5," in body


def test_no_page_name_becomes_markup():
    strings = CASES / "bad_inputs" / "naughty_strings" / "strings.json"
    if not strings.exists():
        pytest.skip("DAYBOOK_CASES has no bad_inputs/naughty_strings")
    names = json.loads(strings.read_text())
    names = names if isinstance(names, list) else names["strings"]
    moves = [Move(name, name, 1, 1) for name in names]
    page = overview(pages=[(name, 1) for name in names], moves=moves)
    plain = overview(
        pages=[("x", 1)] * len(names), moves=[Move("x", "x", 1, 1)] * len(names)
    )
    page, plain = render_html(page).decode(), render_html(plain).decode()
    assert page.count("<") == plain.count("<")
    assert "<script" not in page.lower()
