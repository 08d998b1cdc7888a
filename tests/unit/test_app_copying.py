"""Contact details become pseudonyms on the way, whatever stands beside them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.raw.app_copying import _hide, pseudonym

KEY = b"key"
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def copied(*fields):
    """Write a row as COPY's text format does."""
    escapes = str.maketrans(
        {
            "\\": "\\\\",
            "\b": "\\b",
            "\f": "\\f",
            "\n": "\\n",
            "\r": "\\r",
            "\t": "\\t",
            "\v": "\\v",
        }
    )
    texts = ["\\N" if field is None else field.translate(escapes) for field in fields]
    return ("\t".join(texts) + "\n").encode()


@given(before=st.none() | TEXT, secret=TEXT, after=st.none() | TEXT)
def test_only_the_hidden_field_of_a_row_changes(before, secret, after):
    hide = pseudonym("text", key=KEY)
    row = copied(before, secret, after)
    expected = copied(before, hide(secret) or None, after)
    assert _hide(row, {1: hide}) == expected


def test_nothing_stays_nothing():
    hide = pseudonym("email", key=KEY)
    assert _hide(copied(None, ""), {0: hide, 1: hide}) == copied(None, None)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", " Ann@Example.org", "ann@example.ORG "),
        ("phone", "+49 (30) 123-456", "004930123456"),
    ],
)
def test_spellings_of_one_address_are_one_pseudonym(kind, one, other):
    hide = pseudonym(kind, key=KEY)
    assert hide(one) == hide(other)


def test_a_pseudonym_depends_on_the_key_and_shows_its_version():
    one = pseudonym("email", key=KEY)("a@example.org")
    other = pseudonym("email", key=b"another")("a@example.org")
    assert one != other
    assert one.startswith("p1_")
    assert "example" not in one
