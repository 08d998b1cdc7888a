"""What a reader counts besides its records."""

from dataclasses import dataclass


@dataclass
class Counts:
    """Lines without content, which are no records."""

    blank: int = 0
