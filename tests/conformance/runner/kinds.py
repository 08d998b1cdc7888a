"""The plug-ins of the runner: one module per kind of question, found by its name.

`tests/conformance/kinds/<kind>.py` answers the questions of that `kind`. It has

`definitions(question) -> dict`
    The registry files with which the question is asked: path below `registry/`
    (`retention/q0001.yml`) to the content, as plain data or as text. Name them for
    `question.name`, since all questions share one registry and one warehouse. Events
    are called `question.event(name)`, or `question.happenings(names)` in a definition.
`answer(connection, question) -> value`
    What our tables and views say, in the form of `question.expected`. A person is
    known by its login, `question.user(name)`; `question.user_of(login)` goes back.

and may have

`events(question) -> list[dict]`
    The rows of the landing file, where an event is more than its name, user, time and
    properties; the default makes them with `site.plain_event`.
`agrees(question, answer) -> bool`
    How an answer is compared, where `agreement.agrees` is not what the case says.
`unsupported(question) -> str | None`
    Why a question cannot be asked; it is skipped with that reason.
"""

import importlib
import importlib.util


def plugin(kind):
    """Return the plug-in of a kind of question, or nothing."""
    name = f"tests.conformance.kinds.{kind}"
    if not kind.isidentifier() or importlib.util.find_spec(name) is None:
        return None
    return importlib.import_module(name)


def reason_to_skip(question):
    """Return why a question is not asked; None if it is."""
    found = plugin(question.kind)
    if found is None:
        return f"no plug-in for the kind {question.kind}"
    if "expected" not in question.body or "events" not in question.body:
        return "has no events or no expected answer"
    unsupported = getattr(found, "unsupported", None)
    return unsupported(question) if unsupported else None
