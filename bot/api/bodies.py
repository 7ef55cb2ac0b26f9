"""What requests carry and answers look like: JSON in and out, and one shape for every refusal."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Collection, Mapping, Sequence
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from bot.languages import _

_LIMIT = 256 * 1024  # bytes of a request's body
_ID = re.compile(r"[a-z]{2,8}_[0-9a-z]{10,40}")


def answer(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer that no cache keeps."""
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def download(lines: AsyncIterable[str | bytes] | str, *, name: str, media_type: str) -> Response:
    """A file to keep, written while it is sent where `lines` come one after another; no cache keeps it."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    if isinstance(lines, str):
        return Response(lines, media_type=media_type, headers=headers)
    return StreamingResponse(lines, media_type=media_type, headers=headers)


def refusal(
    status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    retry_after: float | None = None,
    **values: object,
) -> HTTPException:
    """An error in the contract's shape; the web app turns it into the answer.

    The message is said in the language that is spoken, with `values` in its places: %(name)s. It stands as it
    is where this is called, so that catalogues have it.
    """
    said = _(message) % values if values else _(message)
    error = {"code": code, "message": said} | ({"field": field} if field else {})
    headers = {"Retry-After": str(max(1, round(retry_after)))} if retry_after else None
    return HTTPException(status, detail=error, headers=headers)  # type: ignore[arg-type]


def not_found(what: str) -> HTTPException:
    return refusal(404, "not_found", "there is no such %(what)s", what=_(what))


def is_id(given: str) -> bool:
    """Whether it could be an id of ours."""
    return _ID.fullmatch(given) is not None


def path_id(request: Request, what: str) -> str:
    """The id in the address; one that cannot be ours is not found."""
    given = str(request.path_params["id"])
    if not is_id(given):
        raise not_found(what)
    return given


async def body_of(request: Request) -> bytes:
    """The body, read no further than the limit."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LIMIT:
                raise refusal(413, "too_large", "the request is larger than %(most)s KB", most=_LIMIT // 1024)
    except ClientDisconnect:
        raise refusal(400, "cut", "the request ended early") from None
    return bytes(body)


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty one."""
    raw = await body_of(request)
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise refusal(400, "not_json", "the body is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise refusal(400, "not_an_object", "the body is a JSON object")
    return body


def text_in(body: Mapping[str, Any], name: str, *, limit: int, required: bool = True) -> str:
    """A text that is not blank, unless it is not required."""
    value = body.get(name)
    if not required and value is None:
        return ""
    if not isinstance(value, str):
        raise refusal(422, "missing" if value is None else "invalid", "a text is needed here", field=name)
    value = value.replace("\x00", "")  # PostgreSQL keeps no NUL in a text
    if required and not value.strip():
        raise refusal(422, "empty", "write something first", field=name)
    if len(value) > limit:
        raise refusal(422, "too_long", "at most %(most)s characters", most=limit, field=name)
    return value


def choice_in(body: Mapping[str, Any], name: str, choices: Sequence[str], *, usually: str) -> str:
    """One of some words; `usually` where none is given."""
    value = body.get(name, usually)
    if not isinstance(value, str) or value not in choices:
        raise refusal(422, "invalid", "one of %(choices)s", choices=", ".join(choices), field=name)
    return value


def query(request: Request, known: Collection[str]) -> Mapping[str, str]:
    """The query's parameters; one without a value is as if it were not there, and one that we would silently
    ignore is refused."""
    for name in request.query_params:
        if name not in known:
            raise refusal(422, "unknown", "known here: %(names)s", names=", ".join(known), field=name)
    return {name: value for name, value in request.query_params.multi_items() if value}


def whole_number(given: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """A number in the query."""
    value = given.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 19 and least <= int(value) <= most):
        raise refusal(
            422, "invalid", "a whole number from %(least)s to %(most)s", least=least, most=most, field=name
        )
    return int(value)


def place_in(given: Mapping[str, str], name: str) -> tuple[int, str] | None:
    """Where a page begins: the `next` of the page before it, written by `place`; None for the first."""
    cursor = given.get(name) or ""
    if not cursor:
        return None
    at, _, last = cursor.partition(".")
    if not (at.isascii() and at.isdigit() and len(at) <= 18 and last and "\x00" not in last):
        raise refusal(422, "invalid", "the `next` of an earlier answer", field=name)
    return int(at), last


def place(more: tuple[int, str] | None) -> str | None:
    """Where the next page begins, as it is told."""
    return f"{more[0]}.{more[1]}" if more else None
