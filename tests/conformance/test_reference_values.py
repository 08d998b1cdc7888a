"""Parsers against lists that others keep: agents, addresses, parts of URLs."""

import csv
import json

import pytest

from orchestration.raw.addresses import truncate_address
from orchestration.raw.agents import read_agent
from orchestration.raw.pages import read_page, split_url
from tests.conformance.landed import case
from tests.unit.normalizing import event, is_conserved, made_source, normalize

# An agent takes milliseconds: a fixed sample here, all of them in the long run.
STEP = 25


def agents(step):
    folder = case("reference/user_agents")
    lines = (folder / "cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines[::step]]


def check(cases):
    differing = []
    for item in cases:
        agent = read_agent(item["user_agent"])
        if len(item["user_agent"]) > 512:
            continue
        if item["kind"] == "browser":
            said = (agent.browser_family, agent.browser_major)
            if said != (item["family"], item["major"]):
                differing.append(item)
        elif item["family"] == "Spider" and not agent.is_bot:
            differing.append(item)
    assert differing == []


def test_agents_are_of_the_family_that_the_list_says():
    check(agents(STEP))


@pytest.mark.long
def test_all_agents_are_of_the_family_that_the_list_says():
    check(agents(1))


def test_addresses_are_truncated_as_two_other_products_do():
    folder = case("privacy/ip_truncation")
    lines = (folder / "cases.jsonl").read_text().splitlines()
    checked = 0
    for item in map(json.loads, lines):
        is_ours = (item["prefix"] == 24 and ":" not in item["ip"]) or (
            item["prefix"] == 48
        )
        if is_ours:
            checked += 1
            assert truncate_address(item["ip"]) == item["masked"], item
        elif item["prefix"] is None:
            checked += 1
            assert item["masked"].endswith(truncate_address(item["ip"])), item
    assert checked >= 20


def rows_of(file):
    with (case("reference/url_parts") / file).open(newline="") as stream:
        return list(csv.reader(stream))[1:]


def test_hosts_are_those_of_the_reference():
    for url, host in rows_of("data_url_host.csv"):
        assert split_url(url).host == host


def test_paths_are_those_of_the_reference():
    for url, path in rows_of("data_url_path.csv"):
        # The reference leaves out the first slash.
        assert split_url(url).path.removeprefix("/") == path


def test_campaigns_are_those_of_the_reference():
    for url, medium, source in rows_of("data_urls.csv"):
        page, _ = read_page(url, None)
        assert (page.utm_medium or "", page.utm_source or "") == (medium, source)


def test_naughty_strings_in_every_field_are_kept_or_set_aside_and_never_raise():
    folder = case("bad_inputs/naughty_strings")
    texts = json.loads((folder / "strings.json").read_text())
    fields = ["event_id", "device_id", "user_id", "page_url", "page_title", "referrer"]
    fields += ["user_agent", "ip", "locale", "platform", "occurred_at", "event_name"]
    source = made_source(unknown_events="custom")
    for text in texts:
        events = [event(**{field: text}) for field in fields]
        events.append(event(event_name="search_performed", properties={"query": text}))
        events.append(event(event_name="custom.made", properties={text: text}))
        batch = normalize(*events, source=source)
        assert is_conserved(batch)
        assert len(batch.rows) >= len(events) - 4
