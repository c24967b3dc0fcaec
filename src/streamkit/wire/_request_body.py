"""The body of a client's request as JSON data, and the parts that all protocols' messages have.

What a client sends is not trusted: a part that is not as it must be is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec

from .._protocols import leave_unawaited
from ..errors import BadRequest, UsageError
from ._blocks import ANY_MEDIA, media_type_in
from ._plain_json import jsonable, loads

T = TypeVar("T")

FILE_URLS: Final = ("https://", "http://", "data:")
"""The beginnings of the URLs of files."""

_DATA_URL: Final = re.compile(r"data:[^,]*;base64,(.*)", re.DOTALL)


def json_object(body: object) -> Mapping[str, Any]:
    """Return a body as it came, or as a framework parsed it, as JSON data.

    Parsers such as `json.loads` let half a surrogate pair through, of which no UTF-8 can be made:
    neither a checkpoint, nor an answer to the client. `jsonable` replaces it.

    Raises:
        BadRequest: it is no JSON object.
        UsageError: it is a framework's request, or was not awaited.

    >>> json_object('{"id": 1}')
    {'id': 1}
    """
    if hasattr(body, "headers") or hasattr(body, "__await__"):  # Starlette's Request is a Mapping
        leave_unawaited(body)
        raise UsageError(
            f"got a {type(body).__name__}, not a body; "
            "write read_request(await streamkit.serve.read_body(request))"
        )
    if isinstance(body, Mapping):
        return cast("Mapping[str, Any]", jsonable(cast("object", body), private=True))
    if not isinstance(body, (bytes, str)):
        raise BadRequest(f"the body is no JSON object, but a {type(body).__name__}")
    try:
        return msgspec.convert(loads(body), dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no JSON object: {error}") from None


def require_request(request: object) -> None:
    """Raise a `UsageError` for a body, or a framework's request, in the place of what was read."""
    if not isinstance(request, msgspec.Struct):
        raise UsageError(
            f"got a {type(request).__name__}, not what the client asks for; "
            "pass what read_request(body) of the same format returned"
        )


def converted(data: object, cls: type[T], wrong: str) -> T:
    """Return JSON data as an object of ``cls``.

    Raises:
        BadRequest: it does not fit; the message begins with ``wrong``.

    >>> converted({"id": 1}, dict[str, int], "no request")
    {'id': 1}
    """
    try:
        return msgspec.convert(data, cls)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadRequest(f"{wrong}: {error}") from None


def file_block(url: str, media_type: str, filename: str | None = None) -> dict[str, Any]:
    """Return a file as a content block of LangChain's.

    Raises:
        BadRequest: its URL is neither one of the web nor holds the file itself.

    >>> file_block("data:application/pdf;base64,aGk=", "application/pdf")
    {'type': 'file', 'mime_type': 'application/pdf', 'base64': 'aGk='}
    """
    if not url.startswith(FILE_URLS):
        raise BadRequest("a file's url must begin with https:, http: or data:")
    # Browsers know no media type of many files, such as those of Markdown.
    media_type = media_type or media_type_in(url) or ANY_MEDIA
    if media_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    kind = media_type.partition("/")[0]
    block = {"type": kind if kind in {"audio", "video"} else "file"}
    if not media_type.endswith("/*"):
        block["mime_type"] = media_type
    if filename:
        block["filename"] = filename
    if not url.startswith("data:"):
        return block | {"url": url}
    held = _DATA_URL.match(url)
    if held is None:
        raise BadRequest("a data: url must be base64")
    return block | {"base64": held[1]}


def content_of_blocks(blocks: list[dict[str, Any]]) -> Any:
    """Return the content of a message: its blocks, or a text alone as such.

    >>> content_of_blocks([{"type": "text", "text": "Hi"}])
    'Hi'
    """
    match blocks:
        case []:
            return ""
        case [{"type": "text", "text": text}]:
            return text
        case _:
            return blocks


def call_lists(calls: Iterable[Any]) -> dict[str, Any]:
    """Return calls as the fields of a message, those without a JSON object as arguments apart.

    Raises:
        BadRequest: one of them has no id, name or arguments.

    >>> call_lists([{"id": "c1", "function": {"name": "look", "arguments": "{}"}}])
    {'tool_calls': [{'id': 'c1', 'name': 'look', 'args': {}}], 'invalid_tool_calls': []}
    """
    sound: list[dict[str, Any]] = []
    broken: list[dict[str, Any]] = []
    for call in calls:
        match call:
            case {"id": str(id), "function": {"name": str(name), "arguments": str(text)}}:
                args = _arguments(text)
                about: dict[str, Any] = {"id": id, "name": name}
                if args is None:
                    broken.append({**about, "args": text})
                else:
                    sound.append({**about, "args": args})
            case _:
                raise BadRequest("a call must have an id, a name, and its arguments as a text")
    return {"tool_calls": sound, "invalid_tool_calls": broken}


def _arguments(text: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
