"""Small parts of a row: agents, addresses, amounts, ordinals, keys."""

import random
from collections import Counter
from importlib.metadata import version
from ipaddress import ip_network

import pytest

from orchestration.raw.addresses import is_inside, truncate_address
from orchestration.raw.agents import AGENT_LIST, NO_AGENT, RULE_VERSION, read_agent
from orchestration.raw.money import to_minor
from orchestration.raw.ordinals import Ordinals
from orchestration.raw.reasons import RejectedError

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1"
)
TABLET = (
    "Mozilla/5.0 (Linux; Android 9; SM-T510) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/114.0.0.0 Safari/537.36"
)
# A maker of phones whose name ends like a robot's.
CUBOT = (
    "Mozilla/5.0 (Linux; Android 7.0; CUBOT_NOTE_S) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/61.0.3163.98 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("text", "agent"),
    [
        (IPHONE, ("phone", "Mobile Safari", "17", False)),
        (f'"{IPHONE}"', ("phone", "Mobile Safari", "17", False)),
        (TABLET, ("tablet", "Chrome", "114", False)),
        ("curl/8.4.0", ("robot", "curl", "8", True)),
        ("HeadlessChrome/120.0.0.0", ("robot", "HeadlessChrome", "120", True)),
        (CUBOT, ("phone", "Chrome Mobile", "61", False)),
        ("\0\0", NO_AGENT),
        ("-", NO_AGENT),
        ("", NO_AGENT),
        (None, NO_AGENT),
    ],
)
def test_an_agent_is_a_family_a_major_version_and_a_class(text, agent):
    assert read_agent(text) == agent


def test_an_endless_agent_is_read_by_its_beginning():
    assert read_agent(IPHONE + "x" * 60_000) == read_agent(IPHONE)


def test_the_rule_version_is_of_the_agent_list_in_use():
    # When this fails: set AGENT_LIST and raise RULE_VERSION, rows tell by which list.
    assert version("ua-parser-builtins") == AGENT_LIST
    assert RULE_VERSION == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        (" 203.0.113.77 ", "203.0.113.0"),
        ("2001:db8:85a3:8d3::1", "2001:db8:85a3::"),
        ("[2001:db8:85a3:8d3::1]", "2001:db8:85a3::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("203.0.113.77:443", None),
        ("010.0.0.1", None),
        ("unknown", None),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_an_address_keeps_its_front_only(text, kept):
    assert truncate_address(text) == kept


def test_an_address_is_inside_a_network_in_either_spelling():
    networks = (ip_network("203.0.113.0/24"), ip_network("2001:db8::/32"))
    assert is_inside("203.0.113.9", networks)
    assert is_inside("::ffff:203.0.113.9", networks)
    assert is_inside("2001:db8::9", networks)
    assert not is_inside("198.51.100.9", networks)
    assert not is_inside("nowhere", networks)


@pytest.mark.parametrize(
    ("value", "currency", "minor", "is_exact"),
    [
        (99.99, "EUR", 9999, True),
        (0.285, "EUR", 28, False),
        (0.285, "KWD", 285, True),
        (1.005, "EUR", 100, False),
        (5, "JPY", 5, True),
        (5.5, "JPY", 6, False),
        (1e-7, "EUR", 0, False),
        (0.0001, "CLF", 1, True),
        (-3.5, "EUR", -350, True),
    ],
)
def test_an_amount_is_taken_as_it_is_written(value, currency, minor, is_exact):
    assert to_minor(value, currency) == (minor, is_exact)


def test_an_amount_beyond_64_bits_is_rejected():
    with pytest.raises(RejectedError):
        to_minor(1e18, "EUR")


def test_ordinals_count_what_came_before_whatever_the_chunks():
    dice = random.Random(7)
    hashes = [dice.choice([-(2**63), -5, 0, 3, 2**63 - 1]) for _ in range(500)]
    seen: Counter[int] = Counter()
    expected = []
    for item in hashes:
        expected.append(seen[item])
        seen[item] += 1
    ordinals, found, start = Ordinals(), [], 0
    while start < len(hashes):
        size = dice.randrange(0, 40)
        found += ordinals.number(hashes[start : start + size])
        start += size
    assert found == expected


def test_ordinals_keep_eight_bytes_a_record_in_few_runs():
    ordinals = Ordinals()
    for start in range(0, 64_000, 1000):
        ordinals.number(list(range(start, start + 1000)))
    runs = ordinals._runs
    assert sum(run.nbytes for run in runs) == 64_000 * 8
    assert len(runs) <= 7
