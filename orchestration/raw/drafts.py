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
    properties : dict or None
        The properties, if `hot` was not made from them already.
    hot : tuple or None
        The values of HOT_COLUMNS, None if there are none.
    is_screened : bool
        Whether every value is known to be one that tables can hold.
    """

    envelope: Envelope
    contract: Contract
    properties: dict[str, object] | None
    text: bytes
    sent_text: bytes
    purposes: tuple[str, ...]
    hot: tuple | None = None
    has_violation: bool = False
    is_screened: bool = False
