"""Money: whole minor units of a currency."""

from decimal import Decimal
from functools import lru_cache

from orchestration.raw.envelope import BIGINT
from orchestration.raw.reasons import Reason, RejectedError

# ISO 4217: all others have two decimals.
EXPONENTS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
)
EXPONENTS |= dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)
EXPONENTS |= dict.fromkeys(["CLF", "UYW"], 4)


@lru_cache(maxsize=16_384)
def to_minor(value: float, currency: str) -> tuple[int, bool]:
    """Return an amount in minor units, and whether nothing had to be rounded.

    The amount is taken as it is written: 0.285 is 285 thousandths, not the double
    next to it. Halves go to the even unit.
    """
    exact = Decimal(repr(value)).scaleb(EXPONENTS.get(currency, 2))
    minor = round(exact)
    if not -BIGINT <= minor <= BIGINT:
        raise RejectedError(
            Reason.NUMBER_OUT_OF_RANGE, "/properties/value", "an amount of 64 bits"
        )
    return minor, minor == exact
