"""What follows from an experiment: a verdict per treatment arm, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Outcome = Literal["immature", "inconclusive", "better", "worse"]

# Above this share of units in several arms, assignment or identity is broken, unless
# they are few (the thresholds of GrowthBook).
MULTI_ARM_SHARE = 0.01
MULTI_ARM_UNITS = 10


class Verdict(NamedTuple):
    """`invalid`, `immature`, `stop`, `ship` or `inconclusive`, and a reason."""

    verdict: str
    reason: str


@dataclass(frozen=True)
class Circumstances:
    """What must hold of an experiment before any metric is looked at.

    Attributes
    ----------
    has_changed : bool
        Whether what the result means was changed while it ran.
    mismatch : str
        Where the units of the arms are not in the declared ratio; empty: nowhere.
    biased : tuple of str
        Metrics in which the arms differed before exposure.
    unit_count, multi_arm_unit_count : int
        Units of one arm, and of several, over all arms.
    day_count, minimum_days : int
        Days from the first exposure to the last, and how many it takes.
    is_decidable : bool
        False before the registered end of an experiment that decides only there.
    """

    has_changed: bool
    mismatch: str
    biased: tuple[str, ...]
    unit_count: int
    multi_arm_unit_count: int
    day_count: int
    minimum_days: int
    is_decidable: bool


class Finding(NamedTuple):
    """One metric of one treatment arm.

    `outcome` is in the direction in which the metric is good; `holds` says whether a
    guardrail's bound lies within its margin.
    """

    metric_name: str
    role: str
    outcome: Outcome
    holds: bool


def conclude(circumstances: Circumstances, findings: Sequence[Finding]) -> Verdict:
    """Return the verdict on one treatment arm from all its metrics.

    In this order: what makes every number void, what makes it too early, harm, success.
    Secondary metrics decide nothing.
    """
    void = _void(circumstances)
    if void:
        return Verdict("invalid", void)
    early = _early(circumstances)
    if early:
        return Verdict("immature", early)
    deciding = [each for each in findings if each.role != "secondary"]
    for outcome, verdict in (("worse", "stop"), ("immature", "immature")):
        names = [each.metric_name for each in deciding if each.outcome == outcome]
        if names:
            return Verdict(verdict, f"{outcome}: {', '.join(names)}")
    better = [
        each.metric_name
        for each in deciding
        if (each.role, each.outcome) == ("primary", "better")
    ]
    if not better:
        return Verdict("inconclusive", "no primary metric is better or worse")
    doubtful = [
        each.metric_name
        for each in deciding
        if each.role == "guardrail" and not each.holds
    ]
    if doubtful:
        names = ", ".join(doubtful)
        return Verdict("inconclusive", f"guardrail not shown to hold: {names}")
    return Verdict("ship", f"better: {', '.join(better)}; all guardrails hold")


def _void(circumstances: Circumstances) -> str | None:
    if circumstances.has_changed:
        return "the definition changed while the experiment ran"
    if circumstances.mismatch:
        where = "" if circumstances.mismatch == "overall" else circumstances.mismatch
        told = f" among units of {where}" if where else ""
        return f"units are not split as declared{told} (sample-ratio mismatch)"
    crossed = circumstances.multi_arm_unit_count
    total = circumstances.unit_count + crossed
    if crossed >= MULTI_ARM_UNITS and crossed > MULTI_ARM_SHARE * total:
        return f"{crossed} of {total} units met several arms"
    if circumstances.biased:
        names = ", ".join(circumstances.biased)
        return f"arms differed before exposure already: {names}"
    return None


def _early(circumstances: Circumstances) -> str | None:
    if not circumstances.is_decidable:
        return "the registered end, or a window after it, is not over"
    if circumstances.day_count < circumstances.minimum_days:
        return f"ran fewer than {circumstances.minimum_days} days"
    return None
