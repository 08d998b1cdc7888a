"""There are only four thousand million addresses: whoever has a table can try them all.

What is kept of a request is compared with what every address of its own /24 leaves:
its front part is what a reader of the table knows, and others are no easier to find.
"""

import hashlib
import hmac

from orchestration.raw.formats.access_log import parse_line
from tests.unit.normalizing import normalize, shipped_source
from tests.unpacking import unpacked

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0"
HIDDEN = "203.0.113.77"
CANDIDATES = [f"203.0.113.{last}" for last in range(256)]
SEPARATORS = ("", " ", ",", "\x1f", "|")
KEYS = (b"", b"key", b"salt", b"daybook", b"pseudonym")


def kept(addresses, key):
    """Return every text that is stored of one request from each address."""
    requests = []
    for address in addresses:
        line = f'{address} - - [09/Mar/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 '
        request, problem = parse_line(f'{line}"-" "{AGENT}"'.encode())
        assert problem is None
        requests.append(request)
    source = shipped_source("access_log")
    batch = normalize(*requests, source=source, pseudonym_key=key)
    return [
        {name: str(value) for name, value in unpacked(row).items()}
        for row in batch.rows
    ]


def guesses(address):
    """Yield what a hash without our key makes of an address, with its agent or not."""
    texts = [address, address.encode().hex()]
    texts += [f"{address}{between}{AGENT}" for between in SEPARATORS]
    for text in texts:
        for kind in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            yield kind(text.encode()).hexdigest()
        for key in KEYS:
            yield hmac.digest(key, text.encode(), hashlib.sha256).hex()


def test_no_hash_without_the_key_finds_the_address():
    [stored] = kept([HIDDEN], b"the key that nobody outside has")
    assert stored["ip_truncated"] == "203.0.113.0"
    everything = "\n".join(stored.values())
    assert HIDDEN not in everything
    found = [
        address
        for address in CANDIDATES
        for guess in guesses(address)
        if guess[:16] in everything
    ]
    assert found == []


def test_our_own_rules_without_the_key_find_no_address_and_with_it_one():
    key = b"the key that nobody outside has"
    [stored] = kept([HIDDEN], key)

    def matches(guessed_key):
        return [
            address
            for address, row in zip(
                CANDIDATES, kept(CANDIDATES, guessed_key), strict=True
            )
            if any(row[name] == stored[name] for name in ("device_id", "event_id"))
        ]

    assert matches(b"another key") == []
    assert matches(key) == [HIDDEN]


def test_the_whole_agent_is_not_kept_and_its_browser_is():
    [stored] = kept([HIDDEN], b"key")
    assert (stored["browser_family"], stored["browser_major"]) == ("Firefox", "115")
    # The first word of an agent, which the sources would keep, is nobody's browser.
    assert "Mozilla" not in "".join(stored.values())
    assert "Gecko" not in "".join(stored.values())
