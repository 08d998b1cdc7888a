"""Who reached a step of a funnel, or reached the one before and no further."""

from tests.conformance.kinds import funnel

definitions = funnel.definitions
events = funnel.events


def answer(connection, question):
    """Return the answer of the funnel, and the users asked for."""
    depths = {
        user: len(times) for user, times in funnel.reached(connection, question).items()
    }
    users = sorted(user for user, depth in depths.items() if _is_asked(question, depth))
    return funnel.answer(connection, question) | {"users": users}


def _is_asked(question, depth):
    custom, step = question.get("funnel_custom_steps"), question.get("funnel_step")
    if custom:
        return depth in custom
    return depth >= step if step > 0 else depth == -step - 1
