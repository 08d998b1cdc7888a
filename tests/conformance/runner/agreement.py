"""When an answer is the expected one: numbers exact, fractions within 1e-6."""

from decimal import Decimal
from math import isclose

TOLERANCE = 1e-6


def agrees(answer, expected):
    """Compare values of JSON; what is not expected by name may be said besides."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            name in answer and agrees(answer[name], value)
            for name, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(answer, list | tuple)
            and len(answer) == len(expected)
            and all(map(agrees, answer, expected))
        )
    if isinstance(expected, bool) or expected is None or isinstance(expected, str):
        return answer == expected
    if not isinstance(answer, int | float | Decimal) or isinstance(answer, bool):
        return False
    return isclose(float(answer), float(expected), rel_tol=0, abs_tol=TOLERANCE)
