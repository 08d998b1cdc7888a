"""What no event may carry: by the name of a property, and by the look of free text.

A property whose name asks for a secret is never accepted: the record is set aside.
Free text is kept with what looks like an e-mail address, a card number or a
password masked, and the row says that it had a violation.
"""

import re

_SEPARATORS = re.compile(r"[^a-z0-9]")
_NAMES = frozenset(
    [
        "password",
        "passwd",
        "pwd",
        "passcode",
        "passphrase",
        "newpassword",
        "oldpassword",
        "userpassword",
        "passwordconfirmation",
        "secret",
        "clientsecret",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "authtoken",
        "sessiontoken",
        "bearertoken",
        "authorization",
        "privatekey",
        "creditcard",
        "creditcardnumber",
        "cardnumber",
        "cardno",
        "ccnumber",
        "pan",
        "cvv",
        "cvc",
        "cvv2",
        "cardcvc",
        "securitycode",
        "iban",
        "accountnumber",
        "ssn",
        "socialsecuritynumber",
        "pin",
        "pincode",
        "otp",
        "onetimepassword",
    ]
)
# In the query of an address these carry a secret or a person, and are masked there.
_PARAMETERS = _NAMES | frozenset(
    [
        "token",
        "code",
        "auth",
        "key",
        "sig",
        "signature",
        "email",
        "mail",
        "phone",
        "tel",
    ]
)

_EMAIL = re.compile(
    r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
)
# Issuers' ranges begin with 3 to 6 or 2: an epoch in milliseconds begins with 1.
_CARD = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")
_SECRET = re.compile(
    r"(?i)\b(pass(?:word|wd|code)?|pwd|secret|token|api[_-]?key|authorization)"
    r"(\"?\s*[=:]\s*\"?)(?:bearer\s+)?[^\s\"'&,;]+"
)
_BEARER = re.compile(r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*")
# One cheap look tells that almost all text holds none of the above. Asking a pattern to
# ignore case takes four times as long as folding the text; one whose every way begins
# with a letter of its own skips to those letters, so digits are looked for apart. Both
# kinds of i without or with a dot count as one, so no word holds it.
_SUSPECT_WORD = re.compile(r"@|pass|pwd|secret|token|ap.{1,5}key|author|bearer|eyj")
_SUSPECT_DIGITS = re.compile(r"[0-9][ -]?[0-9]{2}[0-9 -]{9}")
# The same look over encoded properties in lower case, names included.
_SUSPECT_JSON_WORD = re.compile(
    rb"@|pass|pwd|secret|token|key|auth|bearer|eyj"
    rb"|card|cc.?n|cv[vc]|security|iban|account|ssn|social|otp|one.?time|\"pin|\"pan"
)
_SUSPECT_JSON_DIGITS = re.compile(_SUSPECT_DIGITS.pattern.encode())
# Shorter ones went out of use; as a number they would hit counters and times.
_CARD_NUMBER_LENGTHS = range(15, 20)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_forbidden_name(name: str) -> bool:
    """Tell whether a property of this name asks for a secret."""
    return _SEPARATORS.sub("", name.lower()) in _NAMES


def is_sensitive_name(name: str) -> bool:
    """Tell whether a parameter of this name carries a secret or a person."""
    return _SEPARATORS.sub("", name.lower()) in _PARAMETERS


def is_suspect(text: str) -> bool:
    """Tell whether text needs a closer look, which most does not."""
    return (
        _SUSPECT_WORD.search(text.casefold()) is not None
        or _SUSPECT_DIGITS.search(text) is not None
    )


def is_suspect_json(text: bytes) -> bool:
    """Tell whether properties need a closer look, names of properties included."""
    return (
        _SUSPECT_JSON_WORD.search(text.lower()) is not None
        or _SUSPECT_JSON_DIGITS.search(text) is not None
    )


def masked(text: str) -> str:
    """Return `text` with what looks personal or secret replaced by its kind."""
    if not is_suspect(text):
        return text
    text = _SECRET.sub(r"\1\2[secret]", text)
    text = _BEARER.sub("[secret]", text)
    text = _JWT.sub("[secret]", text)
    text = _EMAIL.sub("[email]", text)
    return _CARD.sub(_masked_card, text)


def is_card_number(number: int) -> bool:
    """Tell whether a number is one that a card could have."""
    digits = str(number)
    return (
        len(digits) in _CARD_NUMBER_LENGTHS
        and digits[0] in "23456"
        and _passes_luhn(digits)
    )


def _masked_card(match: re.Match[str]) -> str:
    digits = "".join(filter(str.isdigit, match.group()))
    return "[card]" if _passes_luhn(digits) else match.group()


def _passes_luhn(digits: str) -> bool:
    reversed_digits = [int(digit) for digit in reversed(digits)]
    doubled = sum(_DOUBLED[digit] for digit in reversed_digits[1::2])
    return (sum(reversed_digits[::2]) + doubled) % 10 == 0
