"""Tools that ask an HTTP service, written in bot.toml without code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlencode, urlsplit

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from tools.base import Arguments, Effect, Tool, ToolContext, ToolFailed
from tools.schema import WrongSchema, checked_by
from tools.templates import (
    CONTACT,
    PLACE,
    fault,
    filled,
    fixed_fault,
    leads_here,
    names_contact,
    places,
    with_contact,
)
from tools.web import Request, Web, asked, compact

Method = Annotated[
    Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    BeforeValidator(lambda each: each.upper() if isinstance(each, str) else each),
]
_NO_BODY = {"GET", "DELETE"}
_CHANGES = {"PUT", "PATCH", "DELETE"}


class HttpTool(BaseModel):
    """[tools.NAME]: one request. `{name}` in `url` is the parameter's value; what has no place there goes
    into the query, or into a JSON body. Where no `parameters` are named at all, a call that an operator
    approves takes what the model gives: a person sees every value before it is sent.

    `fixed` are values that go along and that no model sees or changes. `{contact.email}`, `{contact.phone}`
    and `{contact.user}` in `url` and `fixed` are what is known for sure of the customer. `otherwise` has
    the words for a status like "404": the answer of a tool that reads, and of a write why it was not done.
    `own` says that the host is inside the company's network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    url: str
    method: Method = "GET"
    parameters: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    fixed: dict[str, JsonValue] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    effect: Effect | None = None
    approval: Literal["operator"] | None = None
    timeout: float = Field(default=10.0, gt=0, le=60)
    idempotent: bool = False
    needs_verified: bool = False
    own: bool = False
    examples: tuple[str, ...] = ()
    answer: str = ""
    otherwise: dict[Annotated[str, Field(pattern="^4[0-9][0-9]$")], str] = Field(default_factory=dict)
    asks: dict[str, str | dict[str, str]] = Field(default_factory=dict)
    concurrency: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        if wrong := fault(url):
            raise ValueError(wrong)
        return url

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not name.replace("-", "").isalnum() or not f"{name}{value}".isascii() or "\n" in value:
                raise ValueError(f"{name!r} can't be sent as a header")
        return headers

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in places(self.url):
            if name not in CONTACT and (
                name not in self.parameters or not _always_there(self.parameters[name])
            ):
                known_ones = ", ".join(CONTACT)
                raise ValueError(
                    f"{{{name}}} is no parameter that always has one value, and none of {known_ones}"
                )
        for name in self.asks.keys() - self.parameters.keys():
            raise ValueError(f"asks.{name}: there is no such parameter")
        for name in self.fixed.keys() & self.parameters.keys():
            raise ValueError(f"fixed.{name}: there is a parameter of that name")
        if wrong := fixed_fault(self.fixed):
            raise ValueError(wrong)
        if self.url.startswith("http://") and not self._own:
            raise ValueError("it is asked over https; own = true allows http, for a host of your own network")
        try:
            checked_by(self.schema_of_arguments)
        except WrongSchema as wrong:
            raise ValueError(f"parameters: {wrong}") from None
        return self

    @property
    def changes(self) -> bool:
        """Whether it is a write: as said, else as the method has it."""
        return self.effect == "write" or (self.effect is None and self.method in _CHANGES)

    @property
    def schema_of_arguments(self) -> dict[str, JsonValue]:
        """The parameters as JSON Schema."""
        if self.approval and self.method not in _NO_BODY and "parameters" not in self.model_fields_set:
            return {"type": "object", "properties": {}, "required": [], "additionalProperties": True}
        return {
            "type": "object",
            "properties": {
                name: {
                    key: value
                    for key, value in each.items()
                    if not (key == "required" and isinstance(value, bool))
                }
                for name, each in self.parameters.items()
            },
            "required": [name for name, each in self.parameters.items() if _required(each)],
        }

    @property
    def start_page(self) -> Request:
        """What asks the service for its start page, to see whether it is there."""
        parts = urlsplit(self.url)
        return Request(method="GET", url=f"{parts.scheme}://{parts.netloc}/", own=self._own)

    def as_tool(self, name: str, web: Web) -> Tool:
        """The tool by this name, asking through `web`."""
        effect: Effect = "write" if self.changes else "read"

        async def call(context: ToolContext, arguments: Arguments) -> str:
            request = self._request(context, arguments, effect)
            answer = await asked(web, request, effect, expected={int(each) for each in self.otherwise})
            if words := self.otherwise.get(str(answer.status)):
                told = PLACE.sub(lambda found: str(arguments.get(found.group(1), found.group())), words)
                if effect == "read":
                    return told
                raise ToolFailed(told, refused=True, words=told)
            return compact(answer.text)

        return Tool(
            name=name,
            description=self.description or f"{name.replace('_', ' ').capitalize()}.",
            parameters=self.schema_of_arguments,
            check=checked_by(self.schema_of_arguments),
            call=call,
            effect=effect,
            approval=self.approval,
            timeout=self.timeout,
            idempotent=self.idempotent,
            needs_verified=self.needs_verified or self._says_who(),
            examples=self.examples,
            answer=self.answer,
            asks=self.asks,
        )

    @property
    def _own(self) -> bool:
        return self.own or leads_here(self.url)

    def _says_who(self) -> bool:
        return names_contact(self.fixed) or any(each in CONTACT for each in places(self.url))

    def _request(self, context: ToolContext, arguments: Arguments, effect: Effect) -> Request:
        url = filled(self.url, arguments, context.person)
        rest = {name: value for name, value in arguments.items() if name not in places(self.url)}
        rest |= {name: with_contact(value, context.person) for name, value in self.fixed.items()}
        headers = {"Accept": "application/json, text/plain;q=0.9, */*;q=0.1", **self.headers}
        if effect == "write" and context.key:
            headers["Idempotency-Key"] = context.key
        if context.traceparent:
            headers["traceparent"] = context.traceparent
        body: bytes | None = None
        if self.method not in _NO_BODY:
            headers["Content-Type"] = "application/json"
            body = orjson.dumps(rest)
        elif asks := query(rest):
            url += ("&" if "?" in url else "?") + asks
        return Request(method=self.method, url=url, headers=headers, body=body, own=self._own)


def _required(schema: Mapping[str, JsonValue]) -> bool:
    return schema.get("required") is not False and "default" not in schema


def _always_there(schema: Mapping[str, JsonValue]) -> bool:
    """Whether a parameter has one value in every call, to stand in an address."""
    return schema.get("type") in {"string", "integer", "number", "boolean"} and (
        _required(schema) or schema.get("default") is not None
    )


def query(values: Mapping[str, JsonValue]) -> str:
    """Values as a query, lists as one name several times."""
    pairs = [
        (name, _shown(each))
        for name, value in values.items()
        for each in (value if isinstance(value, list) else [value])
        if each is not None
    ]
    return urlencode(pairs)


def _shown(value: JsonValue) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
