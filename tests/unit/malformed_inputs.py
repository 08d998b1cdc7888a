"""Landing files as bad as they come, made from a grammar and by mutation.

Every input is a function of (seed, index) alone, so a failure can be made again from
the name in its message. What is known of an input beforehand (how many records it
has, that it must be refused) is said in it.
"""

import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import NamedTuple

import zstandard

EVENT_NAMES = ["page_view", "click", "search_performed", "conversion", "custom.thing"]
DEMANDING = [
    *("scroll", "web_vital", "http_request", "interaction", "conversion"),
    *("chat_message_sent", "custom.thing", "no_such_event"),
]

# JSON texts for a value, most of which no column, contract or JSON reader likes.
VALUES = [
    *("1e999", "-1e999", "NaN", "Infinity", "-Infinity", "-0", "-0.0", "1e-999"),
    *("0.1e+2", "01", ".5", "5.", "+1", "0x10", "1_000", "9" * 30, "9" * 400),
    *("9" * 5000, "9223372036854775807", "9223372036854775808", "1.5", "1e3"),
    *("null", "true", "false", "tru", "None", "undefined", "{}", "[]", "[[]]"),
    *('""', '" "', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"'),
    *('"\\ud83d\\ude00"', '"\\x41"', '"\\"', '"unclosed', "'single'", '"tab\there"'),
    *('"' + "x" * 600 + '"', '"' + "x" * 70_000 + '"', '{"a":{"b":{"c":[1,2]}}}'),
    *("[" * 64 + "]" * 64, '{"a":' * 120 + "1" + "}" * 120, "[" * 10_000),
    *("[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000),
    *('{"a":1,"a":2}', '{"":1}', '{"\\u0000":1}', '["a",1,null,{}]', "1 2", ","),
    *('"\u202e"', '"\ufeff"', '"\u2028"', '"Z\u0351\u036b"', '"\U0001f468\u200d"'),
]

# Instants and what pretends to be one.
TIMES = [
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
    *("9999-12-31T23:59:59.999999-14:00", "10000-01-01T00:00:00Z", "2024-02-29"),
    *("2023-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "2026-13-01T00:00:00Z"),
    *("2026-03-29T02:30:00+01:00", "2026-03-29T02:30:00", "2026-10-25T02:30:00"),
    *("2026-01-01T24:00:00Z", "2026-01-01T23:59:60Z", "2026-01-01T10:00:00+25:00"),
    *("2026-01-01 10:00:00", "2026-01-01T10:00Z", "20260101T100000Z", "2026-W01-1"),
    *("01/02/2026", "1767225600", "1767225600000", "-62135596800", "now", "null"),
    *("2026-01-01T10:00:00.1234567890123Z", "2026-01-01T10:00:00Z\u0000", "   "),
    *("1969-12-31T23:59:59Z", "2038-01-19T03:14:08Z", "294277-01-01T00:00:00Z"),
]

# Properties of which some suit some events, and most suit none.
PROPERTIES = {
    "scroll_depth": [50, 101, -1, "75", "deep", None, [50]],
    "metric_name": ["LCP", "FID", 7],
    "metric_value": [1.5, -1, 1e300, "2500", True],
    "status_code": [200, 99, 1e9, "404", 2**63],
    "interaction_type": ["view", "stare", "", None],
    "occasion_id": ["o-1", "", "x" * 600, 5],
    "conversion_type": ["purchase", "", "x" * 200],
    "value": [99.99, -5, 0.001, 1e15, "much", "12,50"],
    "currency": ["EUR", "euro", "JPY", "XXX", None],
    "chat_id": ["c1", None],
    "text": ["see you at eight"],
    "password": ["hunter2"],
    "card_number": ["4111111111111111"],
    "note": ["write to a@example.com", "x" * 3000, {"deep": {"er": ["\0"]}}],
}

# Bytes that break text wherever they stand.
CRUMBS = [
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\xaf", b"\xed\xa0\x80"),
    *(b"\xf8\x88\x80\x80\x80", b"\x80", b"\r", b"\r\n", b"\n", b"\x1a", b"\x1b[0m"),
    *(b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b",", b":", b";", b"\t", b"\x0b"),
    *(b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"\xe2\x80\xa8"),
]


class Malformed(NamedTuple):
    """One input.

    Attributes
    ----------
    records : int or None
        How many records the file has, whatever they hold; None where the damage
        makes that a matter of reading.
    is_refused : bool or None
        Whether the file must be refused; None where either is right.
    """

    name: str
    data: bytes
    format: str
    records: int | None = None
    is_refused: bool | None = None


def malformed_inputs(count: int, *, seed: int = 20260101) -> Iterator[Malformed]:
    """Make inputs, of every kind in turn."""
    for index in range(count):
        make = KINDS[index % len(KINDS)]
        choose = random.Random(f"{seed}:{index}")
        yield make(choose)._replace(name=f"{make.__name__}-{seed}-{index}")


def event(choose: random.Random) -> dict[str, object]:
    """Return a good event."""
    return {
        "event_id": f"{choose.getrandbits(64):016x}",
        "event_name": choose.choice(EVENT_NAMES),
        "occurred_at": f"2026-01-{choose.randint(1, 28):02}T10:00:00Z",
        "device_id": f"d{choose.randint(1, 9)}",
        "page_url": "https://x.example/a?utm_source=s",
        "consent": ["analytics"],
        "properties": {"value": 12.5, "currency": "EUR", "query": "a b"},
    }


def bad_values(choose: random.Random) -> Malformed:
    """JSON lines in which some values are replaced by other texts."""
    lines = [_with_bad_value(choose) for _ in range(choose.randint(1, 3))]
    data = "\n".join(lines).encode(errors="surrogatepass")
    return Malformed("", data, "ndjson", len(lines), is_refused=False)


def bad_times(choose: random.Random) -> Malformed:
    """JSON lines whose times are odd."""
    lines = []
    for _ in range(choose.randint(1, 4)):
        good = event(choose)
        for field in choose.sample(["occurred_at", "sent_at", "received_at"], 2):
            moment = choose.choice(TIMES)
            good[field] = int(moment) if moment.lstrip("-").isdigit() else moment
        lines.append(json.dumps(good))
    return Malformed("", "\n".join(lines).encode(), "ndjson", len(lines), False)


def bad_keys(choose: random.Random) -> Malformed:
    """JSON lines with fields gone, doubled, renamed or added."""
    lines = []
    for _ in range(choose.randint(1, 4)):
        pairs = [(key, json.dumps(value)) for key, value in event(choose).items()]
        for _ in range(choose.randint(1, 3)):
            at = choose.randrange(len(pairs))
            key, text = pairs[at]
            pairs[at : at + 1] = choose.choice(
                [
                    [],
                    [(key, choose.choice(VALUES[:12])), (key, text)],
                    [(key.upper(), text)],
                    [("", text), (key, text)],
                    [("x" * 300, text), (key, text)],
                    [("\\u0000", text), (key, text)],
                    [("__proto__", text), (key, text)],
                ]
            ) or [("kept", "1")]
        lines.append(_object(pairs))
    return Malformed("", "\n".join(lines).encode(), "ndjson", len(lines), False)


def bad_properties(choose: random.Random) -> Malformed:
    """JSON lines whose properties suit another event, or none."""
    lines = []
    for _ in range(choose.randint(1, 4)):
        names = choose.sample(list(PROPERTIES), choose.randint(1, 6))
        good = event(choose)
        good["event_name"] = choose.choice(DEMANDING)
        good["properties"] = {name: choose.choice(PROPERTIES[name]) for name in names}
        lines.append(json.dumps(good))
    return Malformed("", "\n".join(lines).encode(), "ndjson", len(lines), False)


def mutated_lines(choose: random.Random) -> Malformed:
    """JSON lines with bytes changed, added, doubled and lost."""
    data = b"".join(_line(choose) for _ in range(choose.randint(1, 4)))
    return Malformed("", _mutated(choose, data), "ndjson")


def mutated_documents(choose: random.Random) -> Malformed:
    """Arrays and batches with bytes changed, added, doubled and lost."""
    return Malformed("", _mutated(choose, _document(choose)), "json")


def bad_elements(choose: random.Random) -> Malformed:
    """Arrays and batches in which some elements are no events."""
    elements = [json.dumps(event(choose)) for _ in range(choose.randint(1, 4))]
    # Brackets balance, so that the damage stays inside its element.
    odd = ["1", "null", '"x"', "[]", '{"a":NaN}', '{"a":01}', "tru", '{"a":1e999}']
    elements.insert(choose.randrange(len(elements)), choose.choice(odd))
    text = choose.choice([",", ",\n", " , "]).join(elements)
    shape = choose.choice(["[%s]", '{"sent_at":"2026-01-01T10:00:00Z","events":[%s]}'])
    data = (shape % text).encode()
    return Malformed("", data, "json", len(elements), False)


def mixed_encodings(choose: random.Random) -> Malformed:
    """Text in other encodings, or with a byte order mark."""
    text = "".join(_line(choose).decode() for _ in range(2)) + '{"a":"é"}\n'
    if choose.random() < 0.5:
        wide = choose.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
        return Malformed("", text.encode(wide), "auto", is_refused=True)
    mark = choose.choice([b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2])
    narrow = choose.choice(["latin-1", "utf-8"])
    return Malformed("", mark + text.encode(narrow), "ndjson", 3, False)


def unknown_files(choose: random.Random) -> Malformed:
    """Anything at all, whose format must be told."""
    data = choose.choice(
        [
            choose.randbytes(choose.randint(1, 300)),
            choose.choice(CRUMBS) * choose.randint(1, 100),
            _mutated(choose, choose.choice([_line, _document, _csv, _log])(choose)),
            b"\n".join(choose.choices(CRUMBS, k=choose.randint(1, 30))),
        ]
    )
    return Malformed("", data, "auto")


def packed_files(choose: random.Random) -> Malformed:
    """Compressed files: cut, damaged, joined, with something after their end."""
    plain = [_line(choose) for _ in range(choose.randint(1, 5))]
    # Without the time of packing, which is no part of the seed.
    pack = choose.choice([partial(gzip.compress, mtime=0), _zstd])
    packed = b"".join(map(pack, plain))
    damage = choose.choice(["none", "cut", "byte", "tail"])
    if damage == "none":
        return Malformed("", packed, "auto", len(plain), False)
    if damage == "cut":
        # Not between two members: those that are left would be a whole file.
        last = len(pack(plain[-1]))
        cut = packed[: len(packed) - choose.randint(1, last - 12)]
        return Malformed("", cut, "auto", is_refused=True)
    if damage == "tail":
        tail = choose.choice([b"tail", b"\x1f\x8b", b"{}\n"])
        return Malformed("", packed + tail, "auto", is_refused=True)
    return Malformed("", _mutated(choose, packed), "auto")


def csv_files(choose: random.Random) -> Malformed:
    """CSV with quotes, delimiters, line breaks and bytes where they hurt."""
    return Malformed("", _mutated(choose, _csv(choose)), "csv")


def csv_cells(choose: random.Random) -> Malformed:
    """Well-formed CSV whose cells are hostile."""
    rows = choose.randint(1, 4)
    return Malformed("", _csv(choose, rows), "csv", rows, False)


def log_files(choose: random.Random) -> Malformed:
    """Access logs with bytes changed, added, doubled and lost."""
    lines = b"\n".join(_log(choose) for _ in range(choose.randint(1, 3)))
    return Malformed("", _mutated(choose, lines), "access_log")


def parquet_files(choose: random.Random) -> Malformed:
    """Parquet with damaged pages, footers and sizes."""
    return Malformed("", _mutated(choose, _parquet(choose.randrange(8))), "parquet")


KINDS: list[Callable[[random.Random], Malformed]] = [
    *(bad_values, bad_times, bad_keys, bad_values, mutated_lines, bad_elements),
    *(mutated_lines, mutated_documents, mixed_encodings, unknown_files, packed_files),
    *(csv_files, csv_cells, log_files, bad_values, bad_times, mutated_lines),
    *(packed_files, parquet_files, unknown_files, bad_properties),
]


def _with_bad_value(choose: random.Random) -> str:
    good = event(choose)
    texts = {key: json.dumps(value) for key, value in good.items()}
    for _ in range(choose.randint(1, 2)):
        bad = choose.choice(VALUES)
        if choose.random() < 0.5:
            texts[choose.choice(list(texts))] = bad
        else:
            texts["properties"] = _object([("value", bad), ("query", '"x"')])
    return _object(texts.items())


def _object(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{key}":{text}' for key, text in pairs) + "}"


def _mutated(choose: random.Random, data: bytes) -> bytes:
    """Change bytes; nothing is sacred."""
    changed = bytearray(data)
    for _ in range(choose.randint(1, 4)):
        at = choose.randrange(len(changed) + 1)
        span = choose.randint(1, 12)
        match choose.randrange(6):
            case 0:
                changed[at:at] = choose.choice(CRUMBS)
            case 1:
                del changed[at : at + span]
            case 2:
                changed[at : at + span] = changed[at : at + span] * 2
            case 3:
                changed[at : at + 1] = bytes([choose.randrange(256)])
            case 4:
                changed[at:at] = choose.choice(VALUES[:20]).encode()
            case _:
                del changed[max(at, 1) :]
    return bytes(changed)


def _line(choose: random.Random) -> bytes:
    return json.dumps(event(choose)).encode() + choose.choice([b"\n", b"\r\n"])


def _document(choose: random.Random) -> bytes:
    events = [event(choose) for _ in range(choose.randint(1, 3))]
    value = choose.choice([events, {"events": events, "sent_at": "x", "n": 3}])
    return json.dumps(value, indent=choose.choice([None, 1])).encode()


def _csv(choose: random.Random, rows: int = 3) -> bytes:
    text = io.StringIO(newline="")
    quoting = choose.choice([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
    writer = csv.writer(text, delimiter=choose.choice(",;\t"), quoting=quoting)
    writer.writerow(["event_id", "event_name", "occurred_at", "properties"])
    cells = [*TIMES, *(value for value in VALUES if len(value) < 700), '"', '""', "\r"]
    for row in range(rows):
        hostile = choose.choices(cells, k=2)
        writer.writerow([f"id{row}", "click", *hostile])
    return text.getvalue().encode()


def _log(choose: random.Random) -> bytes:
    agent = choose.choice(['a\\"b', "-", "", "x" * 300, "\\x16", "[]", "é"])
    request = choose.choice(["GET / HTTP/1.1", "-", "", "GET  /", "\\x16\\x03", "G"])
    return (
        f"192.0.2.{choose.randrange(256)} - - [10/Jan/2026:10:00:00 +0000] "
        f'"{request}" {choose.randint(100, 599)} {choose.choice(["-", "5"])} '
        f'"-" "{agent}"'
    ).encode()


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


@cache
def _parquet(variant: int) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  slow to import, and of use only here
    import pyarrow.parquet as pq  # noqa: PLC0415

    choose = random.Random(variant)
    rows = [event(choose) for _ in range(20)]
    for row in rows:
        row["properties"] = json.dumps(row["properties"])
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows),
        buffer,
        compression=["snappy", "zstd", "none", "gzip"][variant % 4],
        use_dictionary=variant < 4,
        row_group_size=7,
    )
    return buffer.getvalue()
