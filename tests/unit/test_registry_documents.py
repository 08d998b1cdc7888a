"""YAML is read as plain data, and whatever could surprise is refused with its line."""

import datetime as dt

import pytest

from orchestration.registry.documents import read_document
from orchestration.registry.problems import RegistryError


def read(text):
    return read_document(text, file="file.yml")


def refusal(text):
    with pytest.raises(RegistryError) as caught:
        read(text)
    return str(caught.value)


def test_words_mean_what_they_say():
    data = read(b"country: no\non: off\nat: 1:30\noctal: 010\n").data
    assert data == {"country": "no", "on": "off", "at": "1:30", "octal": "010"}


def test_values_have_their_types():
    data = read(
        b"[1, -2, 1.5, true, ~, 2026-01-31, 2026-01-31T10:00:00+02:00, 'a']"
    ).data
    assert data == [
        1,
        -2,
        1.5,
        True,
        None,
        dt.date(2026, 1, 31),
        dt.datetime(2026, 1, 31, 8, tzinfo=dt.UTC),
        "a",
    ]


def test_every_place_knows_its_line():
    document = read(b"a:\n  b: 1\n  c:\n    - x\n    - y\n")
    assert document.problem(("a", "c", 1), "wrong").line == 5
    assert str(document.problem(("a", "d", "e"), "wrong")) == "file.yml:1: a.d.e: wrong"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            b"a: &x 1\nb: *x\n",
            "file.yml:1: not YAML: anchors and aliases are not allowed",
        ),
        (b"a: 1\nb: 2\na: 3\n", "file.yml:3: the key 'a' stands here twice"),
        (b"a: 1\n---\nb: 1\n", "file.yml:2: not YAML: but found another document"),
        (b"a: 1\nb: \xff\n", "file.yml:2: not UTF-8"),
        (b"? [a]\n: 1\n", "file.yml:1: a key is a word"),
        (b"a: 2026-02-30\n", "file.yml:1: not YAML: day is out of range for month"),
        (b"[" * 500 + b"]" * 500, "file.yml:1: not YAML: nested too deep"),
        (b"x" * 1_000_001, "file.yml:1: larger than 1000000 bytes"),
    ],
)
def test_what_could_surprise_is_refused(text, expected):
    assert refusal(text) == expected


def test_no_tag_makes_an_object():
    assert "could not determine a constructor" in refusal(b"!!python/name:os.system x")
