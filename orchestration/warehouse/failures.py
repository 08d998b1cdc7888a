"""What can be wrong with the server, said so that a person knows what to do."""


class ServerError(RuntimeError):
    """The warehouse's server cannot be started or used, and what to do about it."""


def why_unreachable(error: Exception) -> str:
    """Return the line of a failed connection that says why; libpq adds advice below."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [""]
    return next((line for line in reversed(lines) if " failed: " in line), lines[-1])
