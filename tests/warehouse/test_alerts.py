import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from orchestration.health.alerts import deliver_alerts, open_alert, resolve_alert


@pytest.fixture
def receiver():
    """A real HTTP receiver that keeps what it got and can be told to fail."""
    received: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if Handler.status == 200:
                received.append(json.loads(body))
            self.send_response(Handler.status)
            self.end_headers()

        def log_message(self, *_):
            """Stay silent."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", received, Handler
    server.shutdown()
    server.server_close()


def failed(connection) -> bool:
    return open_alert(
        connection, incident="run:refresh", severity="critical", message="it failed"
    )


def test_an_incident_alerts_once_until_it_is_resolved(connection, receiver):
    webhook, received, _ = receiver
    assert failed(connection)
    assert not failed(connection)
    assert deliver_alerts(connection, webhook=webhook) == 1
    assert deliver_alerts(connection, webhook=webhook) == 0
    assert resolve_alert(connection, incident="run:refresh")
    assert failed(connection)
    assert deliver_alerts(connection, webhook=webhook) == 1
    assert [alert["incident"] for alert in received] == ["run:refresh"] * 2


def test_an_alert_that_could_not_be_sent_is_sent_later(connection, receiver):
    webhook, received, handler = receiver
    failed(connection)
    handler.status = 500
    assert deliver_alerts(connection, webhook=webhook) == 0
    handler.status = 200
    assert deliver_alerts(connection, webhook=webhook) == 1
    assert len(received) == 1


def test_resolving_what_is_not_open_says_so(connection):
    assert not resolve_alert(connection, incident="run:refresh")
