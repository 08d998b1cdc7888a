"""The daily overview: one reporting day of a marketplace on one page."""

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).parent / "templates"

COLUMNS = (
    "day",
    "metric",
    "dimension",
    "value",
    "previous_day",
    "same_weekday",
    "currency",
)

UNDEFINED = "\N{EN DASH}"

# A spreadsheet runs a cell that starts with one of these (OWASP ASVS 1.2.10).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\0")


@dataclass(frozen=True)
class Metric:
    """One metric of the day, beside what it is compared with.

    Attributes
    ----------
    value, previous_day, same_weekday : Decimal or None
        Counts, fractions 0-1 or amounts in major units by `unit`; None where the
        metric is undefined that day.
    history : list of Decimal or None
        The last 28 days ending with the day, oldest first.
    """

    metric_id: str
    label: str
    unit: str
    definition: str
    value: Decimal | None
    previous_day: Decimal | None
    same_weekday: Decimal | None
    history: list[Decimal | None]
    currency: str | None = None


@dataclass(frozen=True)
class Move:
    """How often sessions of the day went from one node to another, and how many did."""

    source: str
    target: str
    occurrence_count: int
    session_count: int


@dataclass(frozen=True)
class Overview:
    """What the daily overview shows."""

    day: date
    timezone: str
    close_state: str
    data_complete_through: datetime | None
    data_version: int
    metrics: list[Metric]
    top_pages: list[tuple[str, int]]
    top_moves: list[Move]


def render_html(overview: Overview) -> bytes:
    """Render the page: self-contained, without scripts or outside addresses."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": format_amount,
        "change": format_change,
        "sparkline": sparkline_points,
    }
    page = environment.get_template("daily_overview.html").render(overview=overview)
    return page.encode()


def render_csv(overview: Overview) -> tuple[bytes, int]:
    """Render every number of the page as CSV; the bytes and the count of rows."""
    rows = [
        [
            overview.day.isoformat(),
            metric.metric_id,
            "",
            _plain(metric.value),
            _plain(metric.previous_day),
            _plain(metric.same_weekday),
            metric.currency or "",
        ]
        for metric in overview.metrics
    ]
    rows += [
        [overview.day.isoformat(), "top_pages", page, str(views), "", "", ""]
        for page, views in overview.top_pages
    ]
    rows += [
        [
            overview.day.isoformat(),
            "top_moves",
            f"{move.source} > {move.target}",
            str(move.occurrence_count),
            *("", "", ""),
        ]
        for move in overview.top_moves
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode(), len(rows)


def relative_change(value: Decimal | None, base: Decimal | None) -> Decimal | None:
    """Change against `base` as a fraction; None where the base is 0 or unknown."""
    if value is None or not base:
        return None
    return (value - base) / abs(base)


def format_amount(value: Decimal | None, metric: Metric) -> str:
    """Write a value as people read it, a dash where it is undefined."""
    if value is None:
        return UNDEFINED
    if metric.unit == "rate":
        return f"{value * 100:.1f} %"
    if metric.unit == "money":
        return f"{value:,.2f} {metric.currency or ''}".strip()
    if value == value.to_integral_value():
        return f"{value:,.0f}"
    return f"{value:,.2f}"


def format_change(metric: Metric, base: Decimal | None) -> str:
    """Write the change against `base`: points for rates, percent for the rest."""
    if metric.unit == "rate":
        if metric.value is None or base is None:
            return UNDEFINED
        return f"{(metric.value - base) * 100:+.1f} pp"
    change = relative_change(metric.value, base)
    return UNDEFINED if change is None else f"{change * 100:+.1f} %"


def sparkline_points(
    history: list[Decimal | None], width: int = 120, height: int = 28
) -> list[str]:
    """Polyline points of a history, one string per unbroken run of known values."""
    known = [value for value in history if value is not None]
    if not known:
        return []
    low, spread = min(known), (max(known) - min(known)) or Decimal(1)
    step = Decimal(width) / max(len(history) - 1, 1)
    runs: list[list[str]] = [[]]
    for position, value in enumerate(history):
        if value is None:
            runs.append([])
            continue
        y = height - 2 - (value - low) / spread * (height - 4)
        runs[-1].append(f"{position * step:.1f},{y:.1f}")
    return [" ".join(run) for run in runs if run]


def _plain(value: Decimal | None) -> str:
    return "" if value is None else format(value.normalize(), "f")


def _safe_cell(cell: str) -> str:
    """Disarm text that a spreadsheet would run; numbers stay numbers."""
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        Decimal(cell)
    except ArithmeticError:
        return "'" + cell
    return cell
