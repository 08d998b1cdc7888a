"""A trial as text for a terminal."""

from collections.abc import Iterator

from orchestration.funnels.trial import Trial

_STATES = ("completed", "in_progress", "excluded", "dropped", "left")


def trial_text(trial: Trial) -> str:
    """Return counts per step, what became of people, who they are, and the cost."""
    return "\n".join(_lines(trial))


def _lines(trial: Trial) -> Iterator[str]:
    through = trial.watermark.isoformat() if trial.watermark else "unknown"
    yield f"{trial.draft.title}, data complete through {through}"
    for step in trial.steps:
        if step["step_index"] == 1:
            yield from _head(step)
        yield _step(trial, step)
    yield from _edges(trial)
    yield (
        f"cost: {trial.row_count:,} rows of {trial.unit_count:,} units; "
        f"rows {trial.rows_seconds:.1f} s, paths {trial.paths_seconds:.1f} s"
    )


def _head(step: dict) -> Iterator[str]:
    group = step["breakdown"]
    if group == "value":
        group = f"= {step['breakdown_value']}"
    elif group == "other":
        group = f"other ({step['folded_value_count']} values)"
    states = ", ".join(f"{step[f'{name}_count']:,} {name}" for name in _STATES)
    headline = _percent(step["headline_rate"])
    yield ""
    yield (
        f"{group}: {headline} of {step['mature_entry_count']:,} mature; "
        f"{_percent(step['overall_rate'])} of all {step['entry_count']:,}"
    )
    yield f"  {states}"
    columns = ("units", "of entry", "of previous", "lost", "median")
    yield "  " + f"{'step':<24}" + "".join(f"{name:>13}" for name in columns)


def _step(trial: Trial, step: dict) -> str:
    name = trial.draft.step_names[step["step_index"] - 1]
    lost = step["drop_off_count"]
    cells = (
        f"{step['unit_count']:,}",
        _percent(step["rate_from_entry"]),
        _percent(step["rate_from_previous"]),
        "" if lost is None else f"{lost:,}",
        _length(step["median_seconds_from_entry"]),
    )
    return f"  {name:<24}" + "".join(f"{cell:>13}" for cell in cells)


def _edges(trial: Trial) -> Iterator[str]:
    if trial.edges:
        yield ""
        yield "at each edge, by pseudonym:"
    for (depth, state), people in trial.edges.items():
        yield f"  {depth} required steps, {state}: {', '.join(people)}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.1f} %"


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
