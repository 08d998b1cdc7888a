"""What no table can hold, whatever it means: found, named and pointed at."""

import math
from datetime import date, datetime
from decimal import Decimal

from orchestration.raw.contracts import Contract
from orchestration.raw.envelope import BIGINT, STRING_LENGTH
from orchestration.raw.reasons import Reason, RejectedError, pointer_to
from orchestration.raw.sensitive import is_card_number, is_forbidden_name, masked

DEPTH = 64
Path = tuple[object, ...]


def screened(value: object, path: Path = ()) -> object:
    """Return `value` in plain JSON types.

    Raises
    ------
    RejectedError
        For text with U+0000 or half a character, numbers that are none or that no
        column holds, and what is too long or nested too deep.
    """
    if isinstance(value, dict):
        _refuse_depth(path)
        return {
            _screened_name(name, path): screened(item, (*path, name))
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        _refuse_depth(path)
        return [screened(item, (*path, at)) for at, item in enumerate(value)]
    return _screened_scalar(value, path)


def _screened_scalar(value: object, path: Path) -> object:
    match value:
        case None | bool():
            plain = value
        case str():
            plain = _screened_text(value, path)
        case int():
            if not -BIGINT - 1 <= value <= BIGINT:
                raise _refusal(Reason.NUMBER_OUT_OF_RANGE, path, "64 bits")
            plain = value
        case float() | Decimal():
            plain = _screened_fraction(value, path)
        case datetime():
            plain = value if len(path) == 1 else value.isoformat()
        case date():
            plain = value.isoformat()
        case _:
            raise _refusal(Reason.WRONG_TYPE, path, "a value that JSON has")
    return plain


def _screened_text(text: str, path: Path) -> str:
    if len(text) > STRING_LENGTH:
        raise _refusal(Reason.STRING_TOO_LONG, path, f"{STRING_LENGTH} characters")
    if "\0" in text:
        raise _refusal(Reason.NUL_CHARACTER, path, "text without U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refusal(Reason.LONE_SURROGATE, path, "whole characters") from None
    return text


def _screened_name(name: object, path: Path) -> str:
    if not isinstance(name, str):
        raise _refusal(Reason.WRONG_TYPE, path, "names that are text")
    # The pointer stops above: a name that cannot be stored cannot be shown either.
    return _screened_text(name, path)


def _screened_fraction(value: float | Decimal, path: Path) -> float:
    if not math.isfinite(value):
        raise _refusal(Reason.NOT_A_NUMBER, path, "a finite number")
    number = float(value)
    if not math.isfinite(number):
        raise _refusal(Reason.NUMBER_OUT_OF_RANGE, path, "a double")
    return number


def _refuse_depth(path: Path) -> None:
    if len(path) >= DEPTH:
        raise _refusal(Reason.TOO_DEEP, (), f"at most {DEPTH} levels")


def _refusal(reason: Reason, path: Path, expected: str) -> RejectedError:
    return RejectedError(reason, pointer_to(list(path)), expected)


def without_sensitive(
    properties: dict[str, object], contract: Contract
) -> tuple[dict[str, object], bool]:
    """Return the properties with personal text masked, and whether any was.

    Raises
    ------
    RejectedError
        For a property that asks for a secret, or one that the contract forbids, such
        as the value of a form field or the text of a chat message.
    """
    safe: dict[str, object] = {}
    for name, item in properties.items():
        path: Path = ("properties", name)
        if name in contract.forbidden or is_forbidden_name(name):
            raise _refusal(Reason.FORBIDDEN_PROPERTY, path, "no such property")
        is_declared = name in contract.known and name not in contract.free_text
        is_nested = isinstance(item, dict | list)
        safe[name] = item if is_declared and not is_nested else _masked(item, path)
    return safe, safe != properties


def _masked(value: object, path: Path) -> object:
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        for name in value:
            if is_forbidden_name(name):
                raise _refusal(
                    Reason.FORBIDDEN_PROPERTY, (*path, name), "no such property"
                )
        return {name: _masked(item, (*path, name)) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, (*path, at)) for at, item in enumerate(value)]
    if type(value) is int and is_card_number(value):
        return "[card]"
    return value
