"""Requests of clients: read within limits, and refused with errors about the request alone."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse

from .._reading import json_reader_of
from ..errors import BadRequest, UsageError

__all__ = ["bad_request", "read_body", "read_json"]

MAX_BODY = 2**24
"""How many bytes a request's body may have, unless the caller says otherwise: 16 MiB.

Chat clients send the whole conversation with every question, files as base64 included.
"""

JSON = "application/json"


async def read_body(
    request: Request, *, max_bytes: int = MAX_BODY, content_type: str | None = JSON
) -> bytes:
    """Return a request's body, of which no more is read than it may have.

    Args:
        request: Starlette's, or FastAPI's.
        max_bytes: how many bytes the body may have.
        content_type: what the body must be declared as. A page of another site can send a form or
            plain text without asking; JSON it can send only where CORS allows it. None for any.

    Raises:
        BadRequest: the body has more bytes (413), is declared as something else (415), or the
            client left before it had sent all of it (400).
        UsageError: ``request`` is none, but a body that was read already, say.
    """
    if not isinstance(cast("object", request), HTTPConnection):
        raise UsageError(
            f"got a {type(request).__name__}, not a request; pass that of the framework, unread"
        )
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared:
        _require_type(declared, content_type)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise BadRequest(f"the body has more than {max_bytes} bytes", 413)
            parts.append(part)
    except ClientDisconnect:
        raise BadRequest("the client left before the end of the body") from None
    _require_type(declared, content_type)  # of a body that declares none the size comes first
    return b"".join(parts)


def _require_type(declared: str, wanted: str | None) -> None:
    if wanted not in {None, declared}:
        raise BadRequest(f"the body must be declared as content-type: {wanted}", 415)


async def read_json(request: Request, kind: Any, *, max_bytes: int = MAX_BODY) -> Any:
    """Return a request's body as an object of your own type.

    Args:
        request: Starlette's, or FastAPI's.
        kind: a dataclass, a TypedDict, a msgspec struct or a pydantic model, or a list or a union
            of them. Limits on what is in it are its own, such as
            ``Annotated[str, msgspec.Meta(max_length=4000)]``.
        max_bytes: how many bytes the body may have.

    Raises:
        BadRequest: the body has more (413), is not declared as JSON (415), is no JSON (400), or
            does not fit (422).
        UsageError: ``kind`` is no type of data.
    """
    read = json_reader_of(kind)
    body = await read_body(request, max_bytes=max_bytes)
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("the body is no JSON") from error
    try:
        return read(data)
    except Exception as error:  # (validators may raise anything)
        raise BadRequest(f"the body does not fit: {_reason(error)}", 422) from error


def _reason(error: Exception) -> str:
    """Return what an error says about the body; of a foreign error only that there was one."""
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    details = getattr(error, "errors", None)  # pydantic's
    if not callable(details):
        return "it is not what is expected here"
    found: Any = details(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{it['msg']} - at {'.'.join(['$', *map(str, it['loc'])])}" for it in found)


async def bad_request(_request: Request, error: Exception) -> JSONResponse:
    """Answer a `BadRequest`: see ``app.add_exception_handler(BadRequest, bad_request)``.

    The response is ``{"error": …}``, and where a run of that name is going on, its ``id`` too.
    """
    if not isinstance(error, BadRequest):
        return JSONResponse({"error": "internal error"}, 500)
    id = getattr(error, "id", None)
    return JSONResponse({"error": str(error)} | ({"id": id} if id else {}), error.status)
