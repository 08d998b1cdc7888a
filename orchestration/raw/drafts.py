"""An event that met its contract, before its clocks and its identity are settled."""

from msgspec import Struct

from orchestration.raw.contracts import Contract
from orchestration.raw.envelope import Envelope


class Draft(Struct, gc=False):
    """What the short and the long way of normalising both end in.

    Attributes
    ----------
    text : bytes
        The properties to store, as canonical JSON.
    sent_text : bytes
        The properties as they were sent, which the payload hash is about.
    is_screened : bool
        Whether every value is known to be one that tables can hold.
    """

    envelope: Envelope
    contract: Contract
    properties: dict[str, object]
    text: bytes
    sent_text: bytes
    purposes: list[str]
    has_violation: bool = False
    is_screened: bool = False
