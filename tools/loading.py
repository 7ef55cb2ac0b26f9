"""Tools that are functions in a file of the company's own."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tools.base import Tool


class NotLoaded(Exception):  # noqa: N818
    """There is no such tool; the message is one line."""


class FunctionTool(BaseModel):
    """[tools.NAME] with a `function`: "shop.py:order_status", a file beside bot.toml, or
    "package.module:order_status". It is made by `@tool`; what is said here goes before what is said there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    function: str
    description: str | None = None
    approval: Literal["operator", "none"] | None = None
    timeout: float | None = Field(default=None, gt=0, le=60)
    needs_verified: bool | None = None
    examples: tuple[str, ...] | None = None
    answer: str | None = None
    asks: dict[str, str | dict[str, str]] | None = None
    concurrency: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)

    @field_validator("function")
    @classmethod
    def _names_one(cls, function: str) -> str:
        where, _, name = function.rpartition(":")
        if not where or not name.isidentifier():
            raise ValueError('it is written "shop.py:order_status" or "package.module:order_status"')
        return function

    def as_tool(self, name: str, folder: Path) -> Tool:
        """The tool by this name; files are looked for in `folder`. Raises NotLoaded."""
        where, _, found_as = self.function.rpartition(":")
        found = getattr(_module(where, folder), found_as, None)
        if not isinstance(found, Tool):
            raise NotLoaded(f"{where} has no tool {found_as!r}: a function with @tool() above it")
        said = self.model_dump(exclude_none=True, exclude={"function", "concurrency", "per_minute"})
        if said.get("approval") == "none":
            said["approval"] = None
        return replace(found, name=name, **said)


def _module(where: str, folder: Path) -> ModuleType:
    try:
        return _file((folder / where).resolve()) if where.endswith(".py") else importlib.import_module(where)
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise NotLoaded(f"{where} cannot be loaded: {type(error).__name__}: {why}") from error


def _file(path: Path) -> ModuleType:
    """The module in a file, one for all tools of the file."""
    name = f"switchboard tools {path}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # annotations are looked up there
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]
