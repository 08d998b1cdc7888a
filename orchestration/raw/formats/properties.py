"""The column `properties`, which flat formats carry as JSON text."""

from orchestration.raw.formats.json_values import (
    DECODE_ERRORS,
    SHALLOW_SIZE,
    decode,
    is_too_deep,
)


def unpacked(value: dict[str, object]) -> dict[str, object]:
    """Return the record with its properties decoded.

    Text that is no JSON object is left as it is, for the contract to set aside.
    """
    text = value.get("properties")
    if not isinstance(text, str):
        return value
    if len(text) > SHALLOW_SIZE and is_too_deep(text.encode()):
        return value
    try:
        properties = decode(text)
    except DECODE_ERRORS:
        return value
    if isinstance(properties, dict):
        value["properties"] = properties
    return value
