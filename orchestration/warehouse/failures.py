"""What can be wrong with the server, said so that a person knows what to do."""


class ServerError(RuntimeError):
    """The warehouse's server cannot be started or used, and what to do about it."""
