"""Strict settings for every program: one TOML file, checked against a class; an unknown key gets the nearest known.

A class's fields are its settings; `setting()` gives each a description with its unit, and `describe` lists them.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_type_hints

import msgspec

from edge_agent.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_UNKNOWN: Final = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`(?: - at `\$\.?(?P<place>[^`]*)`)?")
_MISSING: Final = re.compile(r"Object missing required field `(?P<key>[^`]*)`(?: - at `\$\.?(?P<place>[^`]*)`)?")
_ELSEWHERE: Final = re.compile(r"(?P<what>.*?) - at `\$\.?(?P<place>[^`]*)`$")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of every settings class and of every table in one."""


S = TypeVar("S", bound=Settings)


def read(path: Path, kind: type[S]) -> S:
    """Read settings of one kind from a TOML file. Raises SettingsError, naming the file, the key and the next step."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"{path} is not there", next_step="Name the settings file with --config.") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise SettingsError(
            f"{path} can't be read: {fault}", next_step="Check its place, rights and encoding."
        ) from fault
    return parse(text, kind, name=str(path))


def parse(text: str, kind: type[S], *, name: str) -> S:
    """Read settings out of TOML text; `name` stands for the file in errors. Raises SettingsError."""
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise SettingsError(f"{name} is not TOML: {fault}", next_step="Mend that line.") from fault
    try:
        return msgspec.convert(plain, kind, strict=True)
    except msgspec.ValidationError as fault:
        raise _explain(str(fault), kind, name) from None


def _explain(fault: str, kind: type[Settings], name: str) -> SettingsError:
    if unknown := _UNKNOWN.fullmatch(fault):
        import difflib  # noqa: PLC0415  # nobody at rest carries what a wrong setting alone needs

        place, key = unknown["place"] or "", unknown["key"]
        known = _keys_at(kind, place)
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(known)}."
        return SettingsError(f"{name}: {_join(place, key)} is no setting", next_step=hint)
    if missing := _MISSING.fullmatch(fault):
        key = _join(missing["place"] or "", missing["key"])
        return SettingsError(f"{name}: {key} is missing", next_step="Add it.")
    if elsewhere := _ELSEWHERE.fullmatch(fault):
        return SettingsError(f"{name}: {elsewhere['place']}: {elsewhere['what']}", next_step="Correct that value.")
    return SettingsError(f"{name}: {fault}", next_step="Correct that value.")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _keys_at(kind: type[Settings], place: str) -> list[str]:
    """Name the keys of the table at a path like `camera` or `broker.addresses[...]`."""
    here: Any = kind
    for step in filter(None, re.sub(r"\[[^]]*\]", "", place).split(".")):
        here = next((_table(field.type) for field in msgspec.structs.fields(here) if field.encode_name == step), None)
        if here is None:
            return []
    return [field.encode_name for field in msgspec.structs.fields(here)]


def _table(annotation: Any) -> Any:
    """Find the settings class in `Camera`, `Camera | None`, `list[Camera]` or `Annotated[Camera, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if (found := _table(part)) is not None:
            return found
    return None


def describe(kind: type[Settings]) -> str:
    """List every setting of a class, its tables included: name, type's description, default."""
    return "\n".join(_describe(kind, ""))


def _describe(kind: type[Settings], prefix: str) -> list[str]:
    lines: list[str] = []
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        name = _join(prefix, field.encode_name)
        table = _table(field.type)
        meta = next((m for m in getattr(hints[field.name], "__metadata__", ()) if isinstance(m, msgspec.Meta)), None)
        if table is not None:
            lines += _describe(table, name)
            continue
        text = meta.description if meta and meta.description else ""
        default = "" if field.required else f" (default {_default(field)})"
        lines.append(f"{name}: {text}{default}")
    return lines


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    return repr(str(value)) if isinstance(value, (str, bytes)) else str(value)


def setting(description: str, **limits: Any) -> msgspec.Meta:
    """Describe one setting: what it is, with its unit; `limits` as for msgspec.Meta (ge, le, pattern, ...)."""
    return msgspec.Meta(description=description, **limits)
