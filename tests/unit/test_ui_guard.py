"""The guard passes what the user's own browser asks of the UI, and nothing else."""

import asyncio

import pytest

from orchestration.ui.guard import Guard

OWN = "http://127.0.0.1:3000"
FOREIGN = "https://evil.example"


def ask(method="GET", path="/", *, query="", kind="http", write=False, **headers):
    """Return the status that one request gets; 200 is the UI's own."""
    sent = []

    async def app(scope, receive, send):  # noqa: ARG001
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)

    headers = {"host": "127.0.0.1:3000", **headers}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode())
            for name, value in headers.items()
            if value is not None
        ],
    }
    guard = Guard(app, port=3000, is_writable=write)
    asyncio.run(guard(scope, receive, send))
    first = sent[0]
    if kind == "websocket":
        return first["type"]
    return first["status"]


def post(path="/graphql", content_type="application/json", **more):
    return ask("POST", path, content_type=content_type, **more)


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "[::1]:3000"])
def test_the_ui_answers_to_its_own_names(host):
    assert ask(host=host) == 200
    assert post(host=host, origin=f"http://{host}") == 200
    assert ask(kind="websocket", host=host, origin=f"http://{host}") == (
        "websocket.accept"
    )


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "evil.example:3000", "127.0.0.1", "127.0.0.1:3001",
     "127.0.0.1:3000.evil.example", "localhost:3000@evil.example"],
)  # fmt: skip
def test_a_name_that_was_rebound_is_refused(host):
    assert ask(host=host) == 421
    assert post(host=host) == 421
    assert ask(kind="websocket", host=host) == "websocket.close"


@pytest.mark.parametrize(
    "origin", [FOREIGN, "null", "http://127.0.0.1:3001", "https://127.0.0.1:3000", ""]
)
def test_another_site_is_refused(origin):
    assert ask(origin=origin) == 403
    assert post(origin=origin) == 403
    assert ask(kind="websocket", origin=origin) == "websocket.close"


def test_a_picture_or_a_form_of_another_site_is_refused():
    assert ask(sec_fetch_site="cross-site", sec_fetch_mode="no-cors") == 403
    assert ask(sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 200
    assert post(sec_fetch_site="cross-site", sec_fetch_mode="navigate") == 403
    assert post(sec_fetch_site="same-origin") == 200


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "//graphql"])
def test_graphql_is_not_asked_by_an_address(path):
    query = "query=mutation{launchRun}"
    assert ask(path=path, query=query) == 405
    assert ask("HEAD", path, query=query) == 405
    assert ask(path="/graphql") == 200


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "multipart/form-data; x", "application/x-www-form-urlencoded"],
)
def test_what_a_form_can_send_is_no_question(content_type):
    assert post(content_type=content_type) == 415
    assert post(content_type="application/json; charset=utf-8") == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(method):
    assert ask(method) == 405
    assert ask(method, write=True) == 405


def test_only_graphql_is_posted_unless_the_ui_may_write():
    assert post("/report_asset_materialization/raw") == 403
    assert post("/report_asset_materialization/raw", write=True) == 200
