"""What an OpenAPI 3 document says, as far as tools need it: its operations and what they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin

import orjson
import yaml
from pydantic import JsonValue

Where = Literal["path", "query", "header", "body"]
Schema = dict[str, JsonValue]

METHODS = ("get", "post", "put", "patch", "delete")
BODY = "body"  # the argument for a body that is no object, or whose fields' names are taken
_MOST_DEEP = 6  # levels of a schema that are looked at; what is deeper may be anything
_MOST_NODES = 2_000  # of one operation's schemas, references followed
_NOT_OURS = {
    "discriminator",
    "xml",
    "externalDocs",
    "example",
    "nullable",
    "readOnly",
    "writeOnly",
    "deprecated",
}


class WrongDocument(Exception):  # noqa: N818
    """It is no OpenAPI document that can be used; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`takes` says where each argument goes; the fields of an object body are arguments of their own."""

    id: str
    method: str
    path: str
    description: str
    parameters: Schema
    takes: Mapping[str, Where]


@dataclass(frozen=True, kw_only=True)
class Document:
    """`server` is the address that paths are below, as the document has it, or ""."""

    server: str
    operations: Mapping[str, Operation]


def read(text: str, *, address: str = "") -> Document:
    """The document in JSON or YAML; `address` is where it was found. Raises WrongDocument."""
    try:
        data: Any = orjson.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (orjson.JSONDecodeError, yaml.YAMLError, RecursionError) as error:
        raise WrongDocument(f"it is neither JSON nor YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(data, dict) or not str(data.get("openapi", "")).startswith("3."):
        raise WrongDocument("it is no OpenAPI 3 document")
    servers = data.get("servers")
    first = (
        servers[0].get("url")
        if isinstance(servers, list) and servers and isinstance(servers[0], dict)
        else ""
    )
    operations: dict[str, Operation] = {}
    paths = data.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(item, dict):
            continue
        for method in METHODS:
            if isinstance(told := item.get(method), dict):
                found = _Reader(data).operation(str(path), method, item, told)
                operations.setdefault(found.id, found)
    return Document(server=urljoin(address, str(first or "")), operations=operations)


class _Reader:
    """Reads one operation, following references inside the document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._nodes = 0

    def operation(
        self, path: str, method: str, item: Mapping[str, Any], told: Mapping[str, Any]
    ) -> Operation:
        properties: Schema = {}
        required: list[JsonValue] = []
        takes: dict[str, Where] = {}
        for name, where, schema, needed in self._parameters(item, told):
            properties[name], takes[name] = schema, where
            if needed and name not in required:
                required.append(name)
        for name, where, schema, needed in self._body(told, taken=set(properties)):
            properties[name], takes[name] = schema, where
            if needed:
                required.append(name)
        described = str(told.get("summary") or told.get("description") or f"{method.upper()} {path}")
        return Operation(
            id=str(told.get("operationId") or f"{method.upper()} {path}"),
            method=method.upper(),
            path=path,
            description=" ".join(described.split())[:1_000],
            parameters={"type": "object", "properties": properties, "required": required},
            takes=takes,
        )

    def _parameters(
        self, item: Mapping[str, Any], told: Mapping[str, Any]
    ) -> Iterator[tuple[str, Where, Schema, bool]]:
        listed = [*_dicts(item.get("parameters")), *_dicts(told.get("parameters"))]
        for each in map(self._followed, listed):
            name, where = str(each.get("name", "")), each.get("in")
            if not name or where not in {"path", "query", "header"}:
                continue  # cookies are nobody's to set
            schema = self._schema(each.get("schema", {}))
            if described := each.get("description"):
                schema.setdefault("description", str(described))
            yield name, where, schema, bool(each.get("required")) or where == "path"

    def _body(self, told: Mapping[str, Any], *, taken: set[str]) -> Iterator[tuple[str, Where, Schema, bool]]:
        body = self._followed(told.get("requestBody", {}))
        content = body.get("content")
        kinds = content if isinstance(content, dict) else {}
        json = next((each for kind, each in kinds.items() if "json" in kind and isinstance(each, dict)), None)
        if json is None:
            return
        schema = self._schema(json.get("schema", {}))
        fields = schema.get("properties")
        needed = bool(body.get("required"))
        if not isinstance(fields, dict) or not fields or taken & fields.keys():
            yield BODY, "body", schema, needed
            return
        musts = schema.get("required")
        for name, each in fields.items():
            must = needed and isinstance(musts, list) and name in musts
            yield name, "body", each if isinstance(each, dict) else {}, must

    def _followed(self, told: Any) -> Mapping[str, Any]:
        """What a reference leads to, inside the document."""
        for _ in range(_MOST_DEEP):
            if not isinstance(told, dict):
                return {}
            reference = told.get("$ref")
            if not isinstance(reference, str):
                return told
            if not reference.startswith("#/"):
                raise WrongDocument(f"{reference!r} leads outside of the document")
            told = self._document
            for part in reference[2:].split("/"):
                key = part.replace("~1", "/").replace("~0", "~")
                told = told.get(key) if isinstance(told, dict) else None
        return {}

    def _schema(self, told: Any, deep: int = 0) -> Schema:
        """A schema with its references followed, in the words of JSON Schema 2020-12."""
        self._nodes += 1
        if deep > _MOST_DEEP or self._nodes > _MOST_NODES:
            return {}
        found = self._followed(told)
        schema: Schema = {}
        for name, value in found.items():
            if name in _NOT_OURS or name.startswith("x-"):
                continue
            if name in {"properties", "patternProperties"} and isinstance(value, dict):
                schema[name] = {
                    str(key): self._schema(each, deep + 1)
                    for key, each in value.items()
                    if not (isinstance(each, dict) and each.get("readOnly") is True)
                }
            elif name in {"items", "additionalProperties", "not"} and isinstance(value, dict):
                schema[name] = self._schema(value, deep + 1)
            elif name in {"allOf", "anyOf", "oneOf"} and isinstance(value, list):
                schema[name] = [self._schema(each, deep + 1) for each in value]
            elif name in {"exclusiveMinimum", "exclusiveMaximum"} and isinstance(value, bool):
                pass  # 3.0 said it of the limit beside it
            else:
                schema[name] = value
        kind = schema.get("type")
        if found.get("nullable") is True and isinstance(kind, str):
            schema["type"] = [kind, "null"]
        if isinstance(musts := schema.get("required"), list):
            fields = schema.get("properties")
            schema["required"] = [each for each in musts if not isinstance(fields, dict) or each in fields]
        return _merged(schema)


def _merged(schema: Schema) -> Schema:
    """Objects that are put together by `allOf` as the one object that they are."""
    parts = schema.get("allOf")
    if not isinstance(parts, list) or not all(
        isinstance(each, dict) and "properties" in each for each in parts
    ):
        return schema
    merged: Schema = {name: each for name, each in schema.items() if name != "allOf"}
    properties: Schema = {}
    required: list[JsonValue] = []
    for each in [*parts, schema]:
        if isinstance(each, dict):
            properties |= each.get("properties") or {}  # type: ignore[arg-type]
            required += each.get("required") or []  # type: ignore[arg-type]
    return merged | {
        "type": "object",
        "properties": properties,
        "required": list(dict.fromkeys(map(str, required))),
    }


def _dicts(listed: Any) -> list[dict[str, Any]]:
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
