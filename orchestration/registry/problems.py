"""What is wrong with a definition: file, line, field, reason, and what is allowed."""

from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing a person has to mend, and where."""

    file: str
    line: int
    field: str
    reason: str
    allowed: str = ""

    def __str__(self) -> str:
        """Return the sentence an editor can jump to."""
        field = f"{self.field}: " if self.field else ""
        allowed = f"; allowed: {self.allowed}" if self.allowed else ""
        return f"{self.file}:{self.line}: {field}{self.reason}{allowed}"


class RegistryError(ValueError):
    """Everything that is wrong with the registry, at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
