"""Dagster's web server with the guard around it: what `dagster dev` starts for us."""

import sys

from dagster_webserver import cli

from orchestration.ui.guard import App, Guard


def guarded(app: App, *, arguments: list[str]) -> Guard:
    """Put the guard around the UI's app, for the port it was told to listen on."""
    port = int(arguments[arguments.index("--port") + 1])
    return Guard(app, port=port, is_writable="--read-only" not in arguments)


def serve() -> None:
    """Run the web server as its own command does, but never without the guard."""
    create = cli.create_app_from_workspace_process_context

    def create_guarded(*given, **options):  # noqa: ANN002, ANN003, ANN202
        return guarded(create(*given, **options), arguments=sys.argv)

    # The server hands this very app to uvicorn, and has no other place for middleware.
    cli.create_app_from_workspace_process_context = create_guarded
    cli.main()


if __name__ == "__main__":
    serve()
