"""What an address of a page says: its template, its campaign, and nothing personal."""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_plus

from orchestration.raw.sensitive import is_sensitive_name, masked

# Addresses may be long, and what is remembered must not fill the memory.
_KEPT = 1_024
_PATH_LENGTH = 1024
_VALUE_LENGTH = 256
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_SCHEME = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*:(?=//)")
# Segments that name one thing rather than a kind of page.
_IDENTIFIER = re.compile(
    r"\A(?:"
    r"[0-9]+"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?=[^/]*[0-9])[0-9a-fA-F]{12,}"
    r"|(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9_]{20,}"
    r"|[^/@]+@[^/@]+"
    r"|[^/@]+%40[^/@]+"
    r")\Z"
)


class Page(NamedTuple):
    """The columns of raw.events that come from the two addresses of an event."""

    page_url: str | None
    page_path: str | None
    referrer: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_term: str | None
    utm_content: str | None


NO_PAGE = Page(None, None, None, None, None, None, None, None)


class Parts(NamedTuple):
    """An address cut at its joints, each part as it was written."""

    before: str
    host: str
    path: str
    query: str
    fragment: str


def split_url(url: str) -> Parts:
    """Cut `url`; what looks like a path alone has no host.

    An address without a scheme begins with its host, unless it begins with a slash.
    """
    url = url.strip()
    rest, _, fragment = url.partition("#")
    rest, _, query = rest.partition("?")
    scheme = _SCHEME.match(rest)
    if scheme:
        rest = rest[scheme.end() :]
    if rest.startswith("//"):
        rest = rest[2:]
    elif rest.startswith("/"):
        return Parts("", "", rest, query, fragment)
    authority, slash, path = rest.partition("/")
    # Whatever stands before an @ is a name and a password.
    host = authority.rpartition("@")[2]
    before = url[: scheme.end()] + "//" if scheme else ""
    return Parts(before, host, slash + path, query, fragment)


@lru_cache(maxsize=_KEPT)
def path_template(path: str) -> str:
    """Return `path` with identifiers as `:id`, so that like pages count as one."""
    segments = [
        ":id" if _IDENTIFIER.match(segment) else segment
        for segment in path.split("/")
        if segment
    ]
    return ("/" + "/".join(segments))[:_PATH_LENGTH]


@lru_cache(maxsize=_KEPT)
def read_page(url: str | None, referrer: str | None) -> tuple[Page, bool]:
    """Return what the addresses of an event say, and whether any of it was masked."""
    safe_url = _without_personal(url) if url else None
    safe_referrer = _without_personal(referrer) if referrer else None
    parts = split_url(url) if url else None
    campaign = _campaign(parts.query) if parts else (None,) * len(_UTM)
    path = masked(path_template(parts.path)) if parts else None
    page = Page(safe_url, path, safe_referrer, *campaign)
    return page, (safe_url, safe_referrer) != (url, referrer)


def _campaign(query: str) -> tuple[str | None, ...]:
    if "utm_" not in query:
        return (None,) * len(_UTM)
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name in _UTM and value and name not in found:
            # %00 is a fine address and no text for Postgres.
            text = unquote_plus(value, errors="replace").replace("\0", "\ufffd")
            found[name] = masked(text.strip())[:_VALUE_LENGTH]
    return tuple(found.get(name) or None for name in _UTM)


def _without_personal(url: str) -> str:
    """Return `url` without credentials and with personal parameters masked."""
    if "?" not in url and "@" not in url and "%40" not in url:
        return url
    parts = split_url(url)
    pairs = [_safe_pair(pair) for pair in parts.query.split("&")] if parts.query else []
    safe = parts.before + parts.host + masked(parts.path)
    if "?" in url:
        safe += "?" + "&".join(pairs)
    return safe + (f"#{masked(parts.fragment)}" if parts.fragment else "")


def _safe_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if value and is_sensitive_name(name):
        return f"{name}{equals}[masked]"
    plain = unquote_plus(value, errors="replace")
    return pair if masked(plain) == plain else f"{name}{equals}[masked]"
