"""What pydantic found wrong, in words a person can act on, with the line it is on."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from orchestration.registry.documents import Document, Path
from orchestration.registry.problems import Problem

_REASONS = {
    "missing": "is missing",
    "string_type": "is not text",
    "int_type": "is not a whole number",
    "float_type": "is not a number",
    "bool_type": "is not true or false",
    "list_type": "is not a list",
    "dict_type": "is not a mapping",
    "model_type": "is not a mapping",
    "datetime_type": "is not an instant",
}

_ALLOWED = {
    "datetime_type": "2026-01-31T00:00:00Z",
    "bool_type": "true, false",
}


def explain(
    error: ValidationError, *, model: type[BaseModel], document: Document, at: Path
) -> list[Problem]:
    """Return one problem per error, at the place of the YAML that caused it."""
    return [
        _problem(details, model=model, document=document, at=at)
        for details in error.errors(include_url=False)
    ]


def _problem(
    details: ErrorDetails, *, model: type[BaseModel], document: Document, at: Path
) -> Problem:
    kind, context = details["type"], details.get("ctx", {})
    path = _in_yaml(document, at, details["loc"])
    if kind == "extra_forbidden":
        fields = _fields_at(model, details["loc"][:-1])
        return document.problem(path, "is not known here", ", ".join(fields))
    if kind in {"literal_error", "enum"}:
        allowed = str(context["expected"]).replace(" or ", ", ").replace("'", "")
        return document.problem(path, "is not one of the words", allowed)
    if kind == "string_pattern_mismatch":
        return document.problem(path, "is not a name", str(context["pattern"]))
    reason, _, allowed = details["msg"].partition("; allowed: ")
    if kind in {"model_type", "dict_type"}:
        allowed = ", ".join(_fields_at(model, details["loc"]))
    reason = _REASONS.get(kind, reason[0].lower() + reason[1:])
    return document.problem(path, reason, allowed or _ALLOWED.get(kind, ""))


def _in_yaml(document: Document, at: Path, location: tuple[int | str, ...]) -> Path:
    """Drop what pydantic adds to a location and the YAML does not have."""
    value: Any = document.data
    for part in at:
        value = value[part]  # type: ignore[index]
    path = at
    last = len(location) - 1
    for index, part in enumerate(location):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        elif index < last or not isinstance(part, str) or part[0] in "([":
            continue
        path = (*path, part)
    return path


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the model at `location`, as the YAML writes them."""
    annotation: Any = model
    for part in location:
        annotation = _step(annotation, part)
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.items()
        return [field.alias or name for name, field in fields]
    return []


def _step(annotation: Any, part: int | str) -> Any:
    """Return the annotation one part of a location further in."""
    annotation = _bare(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        tagged = (each for each in arguments if Tag(str(part)) in get_args(each))
        return next(tagged, None)
    if origin in {list, dict}:
        return arguments[-1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            if part == (field.alias or name):
                return field.annotation
    return None


def _bare(annotation: Any) -> Any:
    """Take off Annotated and `| None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
            continue
        members = [each for each in get_args(annotation) if each is not type(None)]
        is_union = get_origin(annotation) in {Union, UnionType}
        if is_union and len(members) == 1:
            annotation = members[0]
            continue
        return annotation
