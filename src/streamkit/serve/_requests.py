"""What clients send: read within limits, and refused in words that tell of nothing but itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import JSONResponse

from .._reading import json_reader_of
from ..errors import BadRequest

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["MAX_BODY", "bad_request", "read_body", "read_json"]

MAX_BODY = 2**20
"""How many bytes a request's body may have, unless the caller says otherwise."""


async def read_body(request: Request, *, max_bytes: int = MAX_BODY) -> bytes:
    """Give a request's body, of which no more is read than it may have.

    Raises:
        BadRequest: it has more (413).
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise BadRequest(f"the body has more than {max_bytes} bytes", 413)
        parts.append(part)
    return b"".join(parts)


async def read_json(request: Request, kind: Any, *, max_bytes: int = MAX_BODY) -> Any:
    """Give a request's body as an object of your own type.

    Args:
        request: Starlette's, or FastAPI's.
        kind: a dataclass, a TypedDict, a msgspec struct or a pydantic model. Limits on what is in
            it are its own, such as ``Annotated[str, msgspec.Meta(max_length=4000)]``.
        max_bytes: how many bytes the body may have.

    Raises:
        BadRequest: the body has more (413), is no JSON (400), or does not fit (422).
    """
    body = await read_body(request, max_bytes=max_bytes)
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("the body is no JSON") from error
    try:
        return json_reader_of(kind)(data)
    except Exception as error:  # (validators may raise anything)
        raise BadRequest(f"the body does not fit: {_reason(error)}", 422) from error


def _reason(error: Exception) -> str:
    """Give what an error says of the body: of anybody else's error only that there was one."""
    if isinstance(error, msgspec.ValidationError):
        return str(error)
    details = getattr(error, "errors", None)  # pydantic's
    if not callable(details):
        return "it is not what is expected here"
    found: Any = details(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{it['msg']} - at {'.'.join(['$', *map(str, it['loc'])])}" for it in found)


async def bad_request(_request: Request, error: Exception) -> JSONResponse:
    """Answer a `BadRequest`: see ``app.add_exception_handler(BadRequest, bad_request)``."""
    status = error.status if isinstance(error, BadRequest) else 500
    message = str(error) if isinstance(error, BadRequest) else "internal error"
    return JSONResponse({"error": message}, status)
