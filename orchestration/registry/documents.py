"""YAML that cannot surprise: plain data, every place in it with its line.

Safe tags only, and words mean what they say: `no` and `on` are words, `1:30` is a
word. Aliases are refused, since a few lines of them unfold to gigabytes.
"""

import re
from dataclasses import dataclass, field
from typing import ClassVar

import yaml
from yaml.composer import ComposerError

from orchestration.registry.problems import Problem, RegistryError

Path = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_DEPTH = 40


@dataclass(frozen=True)
class Document:
    """One YAML file: its data, and the line of every key and item."""

    file: str
    data: object
    lines: dict[Path, int] = field(default_factory=dict)

    def problem(self, path: Path, reason: str, allowed: str = "") -> Problem:
        """Return a problem at `path`, or at the nearest thing above it."""
        shown = ""
        for part in path:
            shown += f"[{part}]" if isinstance(part, int) else f".{part}"
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        line = self.lines.get(at, 1)
        return Problem(self.file, line, shown.lstrip("."), reason, allowed)


class _Loader(yaml.SafeLoader):
    """The safe loader with fewer guesses about what a word means."""

    yaml_implicit_resolvers: ClassVar[dict] = {}  # pyright: ignore[reportIncompatibleVariableOverride]

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node, refusing aliases and anchors."""
        if self.check_event(yaml.AliasEvent) or self.peek_event().anchor:
            mark = self.peek_event().start_mark
            raise ComposerError(None, None, "anchors and aliases are not allowed", mark)
        return super().compose_node(parent, index)


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false)$", list("tf")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
    (
        "timestamp",
        r"^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d*)?(?:Z|[-+]\d\d:\d\d)?)?$",
        list("0123456789"),
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first
    )


def read_document(text: bytes, *, file: str) -> Document:
    """Read one YAML document.

    Raises
    ------
    RegistryError
        If the file is too large, not UTF-8, not YAML, uses anchors, names a key
        twice or nests too deep.
    """
    if len(text) > MAX_BYTES:
        raise RegistryError([Problem(file, 1, "", f"larger than {MAX_BYTES} bytes")])
    loader = None
    try:
        loader = _Loader(text.decode())
        node = loader.get_single_node()
        builder = _Builder(file, loader)
        data = builder.build(node, ()) if node else None
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        problem = Problem(file, line, "", "not UTF-8")
        raise RegistryError([problem]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = Problem(file, line, "", f"not YAML: {error.problem}")
        raise RegistryError([problem]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, RegistryError):
            raise
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise RegistryError([Problem(file, 1, "", f"not YAML: {reason}")]) from None
    finally:
        if loader is not None:
            loader.dispose()
    if builder.problems:
        raise RegistryError(builder.problems)
    return Document(file, data, builder.lines)


class _Builder:
    """Turns composed nodes into data, remembering lines and repeated keys."""

    def __init__(self, file: str, loader: _Loader) -> None:
        self.file = file
        self.loader = loader
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path) -> object:
        """Return the data of `node`, which stands at `path`."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        if len(path) > MAX_DEPTH:
            raise RecursionError
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.build(item, (*path, index))
                for index, item in enumerate(node.value)
            ]
        return self.loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(Problem(self.file, line, "", "a key is a word"))
                continue
            key = key_node.value
            if key in data:
                reason = f"the key {key!r} stands here twice"
                self.problems.append(Problem(self.file, line, "", reason))
                continue
            self.lines[(*path, key)] = line
            data[key] = self.build(value_node, (*path, key))
        return data
