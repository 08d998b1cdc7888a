"""The closed list of reasons for which a record is set aside."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record was not accepted; the only words `raw.set_aside.reason` may hold."""

    # What the reader says: the record could not be made out.
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    NOT_AN_OBJECT = "not_an_object"
    LINE_TOO_LONG = "line_too_long"
    CSV_COLUMN_COUNT = "csv_column_count"
    CSV_QUOTING = "csv_quoting"
    UNPARSED_LINE = "unparsed_line"
    # What the record holds cannot be stored, whatever it means.
    NUL_CHARACTER = "nul_character"
    LONE_SURROGATE = "lone_surrogate"
    NOT_A_NUMBER = "not_a_number"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    STRING_TOO_LONG = "string_too_long"
    TOO_DEEP = "too_deep"
    # What the record means does not meet its contract.
    UNMAPPED = "unmapped"
    UNKNOWN_EVENT = "unknown_event"
    MISSING_REQUIRED = "missing_required"
    MISSING_SUBJECT = "missing_subject"
    WRONG_TYPE = "wrong_type"
    OUT_OF_BOUNDS = "out_of_bounds"
    NOT_ALLOWED_VALUE = "not_allowed_value"
    CONTRACT_VIOLATION = "contract_violation"
    FORBIDDEN_PROPERTY = "forbidden_property"
    INVALID_TIME = "invalid_time"
    IMPOSSIBLE_TIME = "impossible_time"
    # What the source's own rules say.
    TOO_LATE = "too_late"
    OVER_QUOTA = "over_quota"
    # What the load says: another record of the same identity won.
    CONFLICT = "conflict"


class RejectedError(Exception):
    """A record that is set aside: why, where in it, and what was expected there.

    Carries no value of the record, so that none reaches a log.
    """

    def __init__(self, reason: Reason, pointer: str, expected: str) -> None:
        super().__init__(f"{reason} at {pointer or '/'}: expected {expected}")
        self.reason = reason
        self.pointer = pointer
        self.expected = expected


def pointer_to(path: list[object]) -> str:
    """Return the JSON pointer (RFC 6901) of `path`."""
    return "".join(
        "/" + str(part).replace("~", "~0").replace("/", "~1") for part in path
    )
