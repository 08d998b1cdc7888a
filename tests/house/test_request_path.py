"""Nobody's request waits for us: nothing of ours listens."""

import ast

import pytest

# What a module would import to answer requests.
SERVERS = {
    "aiohttp",
    "asyncio",
    "fastapi",
    "flask",
    "grpc",
    "http.server",
    "socketserver",
    "starlette",
    "tornado",
    "uvicorn",
    "wsgiref",
    "xmlrpc",
}


def listeners(tree):
    for name, path in tree.under("orchestration/", ".py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            elif isinstance(node, ast.Attribute) and node.attr == "listen":
                modules = SERVERS
            else:
                continue
            if any(
                f"{module}.".startswith(f"{s}.") for module in modules for s in SERVERS
            ):
                yield f"{name}:{node.lineno}: answers requests"


def test_nothing_of_ours_answers_requests(tree):
    assert not list(listeners(tree))


@pytest.mark.parametrize(
    "line", ["import flask", "from http.server import x", "server.listen(5)"]
)
def test_what_answers_requests_is_found(plant, line):
    (problem,) = listeners(plant(files={"orchestration/raw/a.py": line}))
    assert problem == "orchestration/raw/a.py:1: answers requests"
