"""What came of each question, and the table that a person reads."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby

from tests.conformance.runner.agreement import agrees
from tests.conformance.runner.kinds import plugin, reason_to_skip
from tests.conformance.runner.questions import Question
from tests.conformance.runner.site import build_site


@dataclass(frozen=True)
class Outcome:
    """One question, asked: passed, failed or skipped, and why."""

    question: Question
    state: str
    reason: str = ""

    @property
    def line(self):
        return f"{self.question.title}: {self.reason}"


def ask_all(questions, *, url, folder):
    """Ask every question in one warehouse; return the outcomes in their order."""
    skipped = {each.name: reason_to_skip(each) for each in questions}
    asked = [each for each in questions if skipped[each.name] is None]
    house = build_site(asked, url=url, folder=folder) if asked else None
    outcomes = []
    for question in questions:
        if skipped[question.name] is not None:
            outcomes.append(Outcome(question, "skipped", skipped[question.name]))
            continue
        with house.connection() as connection:
            outcomes.append(_ask(connection, question))
    return outcomes


def table(outcomes):
    """Return the table of all cases as text, the questions that failed below it."""
    rows = [("case", "passed", "failed", "skipped", "why skipped")]
    for case, group in groupby(outcomes, key=lambda each: each.question.case):
        of_case = list(group)
        states = Counter(each.state for each in of_case)
        reasons = {each.reason for each in of_case if each.state == "skipped"}
        counts = [str(states[state]) for state in ("passed", "failed", "skipped")]
        rows.append((case, *counts, "; ".join(sorted(reasons))))
    states = Counter(each.state for each in outcomes)
    counts = [str(states[state]) for state in ("passed", "failed", "skipped")]
    rows.append(("all", *counts, ""))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *_right(row[1:4], widths[1:]), row[4]])
        for row in rows
    ]
    failed = [each.line for each in outcomes if each.state == "failed"]
    return "\n".join(line.rstrip() for line in [*lines, *failed])


def _right(cells, widths):
    return [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]


def _ask(connection, question):
    module = plugin(question.kind)
    try:
        answer = module.answer(connection, question)
    except Exception as error:  # noqa: BLE001 - a question must not end the others
        return Outcome(question, "failed", f"{type(error).__name__}: {error}")
    compare = getattr(module, "agrees", None)
    is_right = (
        compare(question, answer) if compare else agrees(answer, question.expected)
    )
    if is_right:
        return Outcome(question, "passed")
    reason = f"expected {question.expected}, got {answer}"
    return Outcome(question, "failed", reason)
