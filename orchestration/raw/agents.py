"""User agents: family and major version, device class, and whether it is a robot."""

import re
from functools import lru_cache
from typing import NamedTuple

# Raise it whenever a rule below or the list of ua-parser-builtins changes: rows say by
# which rules they were flagged.
RULE_VERSION = 1
AGENT_LIST = "202610"

# Agents longer than any real one are cut: parsing tries a thousand patterns.
_LENGTH = 512
# What the public list does not call a spider and no person uses.
_ROBOT = re.compile(
    r"(?i)(?<!cu)bot(?:\b|_)|crawl|spider|slurp|headless|phantomjs|lighthouse|pingdom"
    r"|uptime|monitoring|scrap|feed(?:fetch|parser|burner)|fetcher"
    r"|\b(?:curl|wget|python-requests|python-urllib|aiohttp|httpx|go-http-client"
    r"|java|libwww-perl|apache-httpclient|axios|node-fetch|postman)\b"
)
_TABLET = re.compile(r"(?i)\b(?:ipad|tablet|kindle|silk|playbook|nexus (?:7|9|10))\b")
_PHONE_SYSTEMS = {
    "iOS",
    "Windows Phone",
    "BlackBerry OS",
    "Firefox OS",
    "Symbian OS",
    "KaiOS",
    "Bada",
    "MeeGo",
    "webOS",
}
_DESKTOP_SYSTEMS = {
    "Windows",
    "Mac OS X",
    "macOS",
    "Linux",
    "Ubuntu",
    "Fedora",
    "Debian",
    "Chrome OS",
    "FreeBSD",
    "OpenBSD",
    "NetBSD",
    "Solaris",
    "Red Hat",
    "SUSE",
    "Gentoo",
    "CentOS",
}


class Agent(NamedTuple):
    """What is kept of a user agent."""

    device_class: str | None
    browser_family: str | None
    browser_major: str | None
    is_bot: bool


NO_AGENT = Agent(None, None, None, is_bot=False)


def read_agent(user_agent: str | None) -> Agent:
    """Return family, major version and device class of a user agent.

    An unknown family is `Other`, as the public list says it.
    """
    text = (user_agent or "").strip().strip('"').replace("\0", "")[:_LENGTH]
    return NO_AGENT if not text or text == "-" else _parsed(text)


@lru_cache(maxsize=16_384)
def _parsed(text: str) -> Agent:
    """Parse an agent, which takes milliseconds, so each is parsed once."""
    # Imported here: the list compiles for a while, and many files carry no agent.
    from ua_parser import parse  # noqa: PLC0415

    result = parse(text)
    family = result.user_agent.family if result.user_agent else "Other"
    major = result.user_agent.major if result.user_agent else None
    device = result.device.family if result.device else ""
    is_bot = device == "Spider" or bool(_ROBOT.search(text))
    system = result.os.family if result.os else ""
    return Agent(_device_class(text, system, is_bot=is_bot), family, major, is_bot)


def _device_class(text: str, system: str, *, is_bot: bool) -> str:
    if is_bot:
        return "robot"
    if _TABLET.search(text) or (system == "Android" and "Mobile" not in text):
        return "tablet"
    if system == "Android" or system in _PHONE_SYSTEMS:
        return "phone"
    if "TV" in text:
        return "television"
    return "desktop" if system in _DESKTOP_SYSTEMS else "other"
