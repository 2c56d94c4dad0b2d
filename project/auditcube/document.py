"""YAML files whose errors name file, line and dotted path.

`${NAME}` and `${NAME:-default}` in a scalar are replaced from the environment; an unquoted scalar is then read as YAML
reads it, so `${N:-72}` is a number. `$$` is a dollar sign.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from auditcube.errors import InvalidInput

Location = tuple[str | int, ...]
_MAX_VALUES = 100_000  # aliases of aliases make a short file mean more values than fit into memory
# PyYAML lets the errors of its converters out: `!!int x` is a ValueError, `!!bool x` a KeyError, and so on.
_YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)
_Built = TypeVar("_Built", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """A YAML file as data, and where in the file each part of it stands."""

    path: Path
    data: Any
    lines: Mapping[Location, int]

    def build(self, model: type[_Built], data: Any, at: Location = ()) -> _Built:
        """`data` as a model. Raises InvalidInput that names every problem with file, line and dotted path."""
        try:
            return model.model_validate(data)
        except ValidationError as problem:
            told = [self._told(model, at, error) for error in problem.errors(include_url=False)]
            raise InvalidInput("\n".join(told)) from None  # pydantic's own text repeats the input, which may be secret

    def invalid(self, at: Location, text: str) -> InvalidInput:
        """An error about one place in the file."""
        line = next((self.lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in self.lines), 1)
        dotted = _dotted(at)
        return InvalidInput(f"{self.path}, line {line}: {dotted}{': ' if dotted else ''}{text}")

    def _told(self, model: type[BaseModel], at: Location, error: Any) -> str:
        location: Location = (*at, *error["loc"])
        text = str(error["msg"])
        ours = error["type"] == "value_error"
        text = text.removeprefix("Value error, ") if ours else text[:1].lower() + text[1:]
        if error["type"] == "extra_forbidden":
            text = "unknown key" + _suggestion(model, error["loc"])
        elif error["type"] == "missing":
            text = "missing; it has no default"
        elif error["type"] == "invalid_key":
            location, text = (*location[:-1], str(location[-1])), "a key is text; put it in quotes"
        elif ours and not error["loc"] and (found := re.match(r"([a-z_.]+): ", text)):
            location, text = (*at, *found[1].split(".")), text[found.end() :]
        return str(self.invalid(location, text))


def read_document(path: Path, environ: Mapping[str, str] | None = None, data: bytes | None = None) -> Document:
    """Read a YAML file, or `data` as if it were in it; `environ` fills its `${...}` (None: they are left alone).

    Raises InvalidInput.
    """
    try:
        text = (path.read_bytes() if data is None else data).decode("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as problem:
        raise InvalidInput(f"{path}: {problem.strerror or problem}; `auditcube init` writes a config") from problem
    except UnicodeDecodeError as problem:
        raise InvalidInput(f"{path}: not UTF-8 at byte {problem.start}") from problem
    except _YAML_ERRORS as problem:
        raise _not_yaml(path, problem) from problem
    if node is None:
        return Document(path, None, {})
    lines = _read_values(path, node, environ)
    try:
        return Document(path, yaml.SafeLoader("").construct_document(node), lines)
    except _YAML_ERRORS as problem:
        raise _not_yaml(path, problem) from problem


def _not_yaml(path: Path, problem: Exception) -> InvalidInput:
    mark = getattr(problem, "problem_mark", None)
    where = f", line {mark.line + 1}" if mark else ""
    text = getattr(problem, "problem", None) or getattr(problem, "reason", None) or type(problem).__name__
    return InvalidInput(f"{path}{where}: not YAML: {text}")


def _read_values(path: Path, node: yaml.Node, environ: Mapping[str, str] | None) -> dict[Location, int]:
    """The line of every value below `node`, whose scalars are expanded, each once however many aliases it has."""
    lines: dict[Location, int] = {}
    done = set()
    for at, child in _walk(path, node):
        lines[at] = child.start_mark.line + 1
        if len(lines) > _MAX_VALUES:
            raise InvalidInput(f"{path}: holds more than {_MAX_VALUES} values; are there aliases of aliases?")
        if isinstance(child, yaml.ScalarNode) and id(child) not in done:
            done.add(id(child))
            if environ is not None:
                _expand(path, child, environ)
            _check_scalar(path, at, child)
    return lines


def _check_scalar(path: Path, at: Location, node: yaml.ScalarNode) -> None:
    """Raises InvalidInput, without the value, which may come from the environment."""
    try:
        node.value.encode()  # PyYAML makes halves of surrogate pairs, and so does Python of a variable not in UTF-8
        yaml.SafeLoader("").construct_object(node)
        problem = "holds a NUL character" if "\0" in node.value else None
    except UnicodeEncodeError:
        problem = "is not Unicode text"
    except _YAML_ERRORS:
        problem = f"cannot be read as {node.tag.removeprefix('tag:yaml.org,2002:')}; put it in quotes if it is text"
    if problem is not None:
        dotted = _dotted(at)
        raise InvalidInput(f"{path}, line {node.start_mark.line + 1}: {dotted}{': ' if dotted else ''}{problem}")


def _walk(
    path: Path, node: yaml.Node, at: Location = (), inside: tuple[int, ...] = ()
) -> Iterator[tuple[Location, yaml.Node]]:
    """Every value, with its location; refuses recursion, and keys that stand twice or are no scalars."""
    if id(node) in inside:
        raise InvalidInput(f"{path}, line {node.start_mark.line + 1}: an alias contains itself")
    inside = (*inside, id(node))
    yield at, node
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _walk(path, child, (*at, index), inside)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidInput(f"{path}, line {key.start_mark.line + 1}: a key is a word, not a list or a mapping")
            if key.tag not in _KEYS_OF_YAML:
                _check_scalar(path, (*at, key.value), key)
            if key.value in seen:
                raise InvalidInput(f"{path}, line {key.start_mark.line + 1}: {_dotted((*at, key.value))}: stands twice")
            seen.add(key.value)
            yield from _walk(path, child, (*at, str(key.value)), inside)


_KEYS_OF_YAML = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")  # `<<` and `=` mean something as keys only
# A default holds no `${`: it would be taken literally, which nobody means.
_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}$]|\$(?!\{))*))?\}|\$\{")


def _expand(path: Path, node: yaml.ScalarNode, environ: Mapping[str, str]) -> None:
    """Replace the variables of one scalar; an unquoted one gets the type that its new text has."""
    line = node.start_mark.line + 1

    def value_of(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if found[0] == "$$":
            return "$"
        if name is None:
            raise InvalidInput(f"{path}, line {line}: ${{NAME}} or ${{NAME:-default}} is wanted")
        value = environ.get(name) or default
        if value is None:
            raise InvalidInput(f"{path}, line {line}: the variable {name} is not set or empty, and has no default here")
        return value

    expanded = _VARIABLE.sub(value_of, node.value)
    if expanded != node.value:
        node.value = expanded
        if node.style is None:
            resolve: Callable[..., str] = yaml.SafeLoader("").resolve
            node.tag = resolve(yaml.ScalarNode, expanded, (True, False))


def _dotted(at: Location) -> str:
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".")


def _suggestion(model: type[BaseModel], location: Location) -> str:
    """The nearest key that there is, among those of the model in which the unknown one stands."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        if field is None or not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return ""
        model = field.annotation
    close = difflib.get_close_matches(str(location[-1]), model.model_fields, 1)
    return f"; did you mean {close[0]}?" if close else f"; known here: {', '.join(model.model_fields)}"
