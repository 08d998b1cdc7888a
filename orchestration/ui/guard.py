"""The guard in front of the Dagster UI, which has no login.

Whoever can reach the UI can launch runs, and so can every web page that the user's own
browser opens: it reaches loopback too. Three things tell the user from such a page: the
Host that was asked for (a page whose name was rebound to 127.0.0.1 asks for its own),
the Origin that browsers add, and the method (Dagster takes mutations by GET, which a
picture's address suffices for).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_READING = ("GET", "HEAD")
# Forms can send neither of these to another site without asking first.
_BODIES = {"application/json", "application/graphql"}
_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
)


@dataclass(frozen=True)
class Refusal:
    """Why a request is not passed on."""

    status: int
    reason: str


_FOREIGN = Refusal(403, "another site asks")


class Guard:
    """An ASGI app that passes on what the user's own UI asks, and refuses the rest.

    Parameters
    ----------
    app : ASGI app
        The Dagster UI.
    port : int
        The port on which the UI is asked for.
    is_writable : bool
        Whether more than GraphQL may be posted. What GraphQL may change, Dagster's own
        read-only mode decides.
    """

    def __init__(self, app: App, *, port: int, is_writable: bool = False) -> None:
        self._app = app
        self._hosts = frozenset(
            f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")
        )
        self._is_writable = is_writable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _answer(send, refusal)

    def refusal(self, scope: Scope) -> Refusal | None:
        """Say why a request is refused; None lets it pass."""
        headers = _read_headers(scope["headers"])
        hosts = headers.get("host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return Refusal(421, "this UI is asked for as 127.0.0.1 or localhost only")
        origins = {origin.lower() for origin in headers.get("origin", [])}
        if origins - {f"http://{host}" for host in self._hosts}:
            return _FOREIGN
        if scope["type"] == "websocket":
            return None
        return self._refused_method(scope, headers)

    def _refused_method(
        self, scope: Scope, headers: Mapping[str, list[str]]
    ) -> Refusal | None:
        if scope["method"] in _READING:
            return _refused_reading(scope, headers)
        if scope["method"] != "POST":
            return Refusal(405, "GET, HEAD and POST are answered")
        if set(headers.get("sec-fetch-site", [])) - {"same-origin", "none"}:
            return _FOREIGN
        if not _is_graphql(scope):
            return None if self._is_writable else Refusal(403, "this UI is read-only")
        kinds = {
            kind.partition(";")[0].strip() for kind in headers.get("content-type", [])
        }
        return None if kinds and kinds <= _BODIES else Refusal(415, "post JSON")


def _refused_reading(scope: Scope, headers: Mapping[str, list[str]]) -> Refusal | None:
    if _is_graphql(scope) and scope["query_string"]:
        return Refusal(405, "GraphQL is posted here")
    is_link = headers.get("sec-fetch-mode", []) == ["navigate"]
    is_cross = "cross-site" in headers.get("sec-fetch-site", [])
    return _FOREIGN if is_cross and not is_link else None


def _is_graphql(scope: Scope) -> bool:
    return scope["path"].strip("/") == "graphql"


def _read_headers(raw: Iterable[tuple[bytes, bytes]]) -> Mapping[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in raw:
        headers.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return headers


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, refusal: Refusal) -> None:
    body = f"{refusal.reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        *_HEADERS,
    ]
    await send(
        {"type": "http.response.start", "status": refusal.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": body})
