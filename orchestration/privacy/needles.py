"""Needles: every way in which an identifier can stand written, and how to find it.

A long identifier is found anywhere. A middling one must not be a part of a longer word,
or `usr_1` would be found in `usr_12`. A short one, a plain number, or a word that our
own programs use, is found only where its key says that it is a person.
"""

import json
import re
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import quote

from orchestration.settings import PROJECT_ROOT

_ANYWHERE = 16
_AS_A_WORD = 6
_DIGITS = 12
_NOT_ASCII = 128
_KEY = r"(?:user|person|customer|member|account|sender|recipient)_?id"
_WORD = r"[0-9A-Za-z_-]"


# Whose words Dagster and dbt write down again, in every log and compiled model.
_OURS = ("orchestration", "dbt_project")
_OURS_ENDINGS = {".py", ".sql", ".yml"}


@cache
def own_words(root: Path = PROJECT_ROOT) -> frozenset[str]:
    """Return the words of our programs and models: a person may be called `nobody`."""
    return frozenset(
        word
        for folder in _OURS
        for path in (root / folder).rglob("*")
        if path.suffix in _OURS_ENDINGS
        for word in re.findall(rf"{_WORD}+", path.read_text(errors="replace"))
    )


class Needles:
    """The identifiers of one person, ready to be looked for.

    Attributes
    ----------
    values : tuple of str
        As they are stored.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self.values = tuple(sorted({value for value in values if value}))
        self._anywhere: set[str] = set()
        self._words: set[str] = set()
        self._keyed: set[str] = set()
        for value in self.values:
            for spelling in _spellings(value):
                if spelling.isdigit() and len(spelling) < _DIGITS:
                    self._keyed.add(spelling)
                elif len(spelling) >= _ANYWHERE and not spelling.isdigit():
                    self._anywhere.add(spelling)
                elif len(spelling) >= _AS_A_WORD and spelling not in own_words():
                    self._words.add(spelling)
                else:
                    self._keyed.add(spelling)

    def sql_patterns(self, *, size: int = 100) -> list[str]:
        """Return regular expressions for Postgres that together find every needle."""
        escape = _sql_escape
        parts = [escape(value) for value in sorted(self._anywhere)]
        parts += [
            rf"(?<!{_WORD}){escape(value)}(?!{_WORD})" for value in sorted(self._words)
        ]
        parts += [
            rf"(?<={_KEY}[^0-9A-Za-z]{{1,6}}){escape(value)}(?!{_WORD})"
            for value in sorted(self._keyed)
        ]
        return [
            f"(?:{'|'.join(parts[start : start + size])})"
            for start in range(0, len(parts), size)
        ]

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """The needles as one pattern over bytes."""
        parts = [re.escape(value.encode()) for value in sorted(self._anywhere)]
        parts += [
            rb"(?<!%b)%b(?!%b)"
            % (_WORD.encode(), re.escape(value.encode()), _WORD.encode())
            for value in sorted(self._words)
        ]
        parts += [
            # Python looks behind by a fixed width only: `places` looks for the key.
            rb"(?<!%b)%b(?!%b)"
            % (_WORD.encode(), re.escape(value.encode()), _WORD.encode())
            for value in sorted(self._keyed)
        ]
        return re.compile(b"|".join(parts) or rb"(?!)")

    def are_in(self, text: bytes) -> bool:
        """Whether a text names the person."""
        return any(True for _ in self.places(text))

    def places(self, text: bytes) -> Iterable[tuple[int, int]]:
        """Give begin and end of everything in a text that names the person."""
        if not any(hint in text for hint in self.hints):
            return
        for found in self.pattern.finditer(text):
            if found[0].decode(errors="replace") in self._keyed and not _follows_key(
                text, found.start()
            ):
                continue
            yield found.span()

    def without(self, text: bytes, replacement: bytes) -> bytes:
        """Return a text in which the person is called otherwise."""
        pieces = []
        end = 0
        for start, stop in self.places(text):
            pieces += [text[end:start], replacement]
            end = stop
        return b"".join([*pieces, text[end:]]) if pieces else text

    @cached_property
    def hints(self) -> tuple[bytes, ...]:
        """Bytes of which one stands in every text that names the person."""
        spellings = self._anywhere | self._words | self._keyed
        return tuple(spelling.encode() for spelling in sorted(spellings))


_BEFORE = re.compile(rb"%b[^0-9A-Za-z]{1,6}\Z" % _KEY.encode(), re.IGNORECASE)


def _follows_key(text: bytes, start: int) -> bool:
    return _BEFORE.search(text, max(0, start - 24), start) is not None


def _spellings(value: str) -> set[str]:
    """Return a value as it is, in JSON, in a URL, and each as escaped bytes."""
    in_json = json.dumps(value, ensure_ascii=False)[1:-1]
    plain = {
        value,
        in_json,
        json.dumps(value)[1:-1],
        json.dumps(in_json)[1:-1],
        quote(value, safe=""),
        quote(value, safe="@"),
    }
    return plain | {_escaped_bytes(spelling) for spelling in plain}


def _escaped_bytes(text: str) -> str:
    """Return text as `encode(…, 'escape')` writes its bytes."""
    return "".join(
        f"\\{byte:03o}" if byte == 0 or byte >= _NOT_ASCII else chr(byte)
        for byte in text.replace("\\", "\\\\").encode()
    )


def _sql_escape(value: str) -> str:
    return re.sub(r"([^0-9A-Za-z_ \x80-\U0010ffff])", r"\\\1", value)
