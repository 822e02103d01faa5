"""What all configurations share: dictionaries and JSON, strictly, in and out."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from typing import Any, TypeVar

from fused_ocr.errors import ConfigError

__all__ = ["Config"]

Self = TypeVar("Self", bound="Config")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of the configurations: dictionaries and JSON, strictly, in and out."""

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings, numbers: ready for JSON."""
        return typing.cast(dict[str, Any], json.loads(json.dumps(_plain(self))))

    @classmethod
    def from_dict(cls: type[Self], values: dict[str, Any]) -> Self:
        """Rebuild from `to_dict`'s output.

        Raises:
            ConfigError: an unknown key, or a value of a wrong type or out of range.
        """
        if not isinstance(values, dict):
            raise ConfigError(
                f"{cls.__name__} is made from a dictionary. Received: {values!r}."
            )
        known = {field.name for field in dataclasses.fields(cls)}
        for key in values:
            if key not in known:
                nearest = difflib.get_close_matches(str(key), known, n=1)
                hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
                raise ConfigError(
                    f"{cls.__name__} has no field {key!r}.{hint} Known fields: "
                    f"{', '.join(sorted(known))}."
                )
        hints = typing.get_type_hints(cls)
        revived = {key: _revive(hints[key], value) for key, value in values.items()}
        for key, value in revived.items():
            if not _fits(hints[key], value):
                wanted = str(getattr(cls, "__annotations__", {})[key])
                raise ConfigError(
                    f"{cls.__name__}.{key} must be of type {wanted}. "
                    f"Received: {value!r}."
                )
        return cls(**revived)

    def to_json(self) -> str:
        """The configuration as one indented JSON object."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls: type[Self], text: str) -> Self:
        """Rebuild from `to_json`'s output; raises `ConfigError` as `from_dict`."""
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ConfigError(
                f"Not a JSON configuration: {error}. It begins with {text[:40]!r}."
            ) from error
        return cls.from_dict(values)

    def replace(self: Self, **changes: Any) -> Self:
        """A copy with some fields changed, checked like a new one."""
        return dataclasses.replace(self, **changes)

    def _need(self, condition: bool, rule: str, field: str) -> None:  # noqa: FBT001
        if not condition:
            raise ConfigError(
                f"{type(self).__name__}.{field} {rule}. "
                f"Received: {getattr(self, field)!r}."
            )


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return {
            field.name: _plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    return list(value) if isinstance(value, tuple) else value


def _revive(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, Config):
        return hint.from_dict(value)
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        return tuple(_revive(typing.get_args(hint)[0], item) for item in value)
    allowed = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _fits(hint: Any, value: Any) -> bool:
    """Whether a revived value has the type of its field."""
    if isinstance(hint, types.UnionType):
        return any(_fits(one, value) for one in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        item = typing.get_args(hint)[0]
        return isinstance(value, tuple) and all(_fits(item, v) for v in value)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
