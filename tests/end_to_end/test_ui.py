"""The Dagster UI that `daybook dev` opens, asked as browsers and others ask it."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

MUTATION = "mutation { reloadWorkspace { __typename } }"


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@contextmanager
def running_ui(folder, *more):
    """Start the UI over an empty workspace; yield its port."""
    port = free_port()
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "orchestration.ui.services"),
            *("--host", "127.0.0.1", "--port", str(port), "--empty-workspace"),
            *("--log-level", "warning", *more),
        ],
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"},
        cwd=folder,
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                assert ask(port)[0] == 200
                break
            except (ConnectionError, http.client.HTTPException):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.2)
        yield port
    finally:
        process.send_signal(2)
        process.wait(60)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with running_ui(tmp_path_factory.mktemp("ui"), "--read-only") as found:
        yield found


def ask(port, path="/", *, method="GET", body=None, **headers):
    """Return status, headers and body of one real request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    named = {"Host": f"127.0.0.1:{port}", **headers}
    for name, value in named.items():
        connection.putheader(name.replace("_", "-"), value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def graphql(port, query, **headers):
    status, _, body = ask(
        port,
        "/graphql",
        method="POST",
        body=json.dumps({"query": query}).encode(),
        Content_Type="application/json",
        **headers,
    )
    return status, json.loads(body) if status == 200 else None


def test_a_page_and_a_question_of_its_own_are_answered(port):
    status, headers, body = ask(port)
    assert (status, headers["x-frame-options"]) == (200, "DENY")
    assert b"<!doctype html>" in body.lower()
    own = {"Origin": f"http://127.0.0.1:{port}"}
    assert graphql(port, "{ version }", **own)[1]["data"]["version"]


def test_another_host_another_site_and_get_mutations_are_refused(port):
    assert ask(port, Host="evil.example")[0] == 421
    assert ask(port, Host=f"evil.example:{port}")[0] == 421
    assert graphql(port, "{ version }", Origin="https://evil.example")[0] == 403
    assert ask(port, "/graphql?query=mutation%7BreloadWorkspace%7D")[0] == 405
    assert ask(port, "/graphql/?query=mutation%7BreloadWorkspace%7D")[0] == 405


def test_nothing_is_changed_by_a_ui_that_only_reads(port):
    _, answer = graphql(port, MUTATION)
    assert answer["data"]["reloadWorkspace"]["__typename"] == "UnauthorizedError"


def test_live_updates_reach_only_its_own_pages(port):
    address = f"ws://127.0.0.1:{port}/graphql"
    options = {"subprotocols": ["graphql-ws"], "open_timeout": 30, "proxy": None}
    with connect(address, origin=f"http://127.0.0.1:{port}", **options) as opened:
        opened.send(json.dumps({"type": "connection_init"}))
        assert json.loads(opened.recv(timeout=30)) == {"type": "connection_ack"}
    with pytest.raises(InvalidStatus) as refused:
        connect(address, origin="https://evil.example", **options)
    assert refused.value.response.status_code == 403


@pytest.mark.long
def test_a_ui_that_was_asked_to_write_does(tmp_path):
    with running_ui(tmp_path) as port:
        _, answer = graphql(port, MUTATION)
        assert answer["data"]["reloadWorkspace"]["__typename"] == "Workspace"
        assert graphql(port, MUTATION, Origin="https://evil.example")[0] == 403
