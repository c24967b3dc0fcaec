"""The body of a client's request as JSON data, refused where it is invalid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ..errors import BadRequest
from ._plain_json import jsonable, loads

__all__ = ["json_object"]


def json_object(body: object) -> Mapping[str, Any]:
    """Return a body as it came, or as a framework parsed it, as JSON data.

    Parsers such as `json.loads` let half a surrogate pair through, of which no UTF-8 can be made:
    neither a checkpoint, nor an answer to the client. `jsonable` replaces it.

    Raises:
        BadRequest: it is no JSON object.

    >>> json_object('{"id": 1}')
    {'id': 1}
    """
    if isinstance(body, Mapping):
        return cast("Mapping[str, Any]", jsonable(cast("object", body), private=True))
    if not isinstance(body, (bytes, str)):
        raise BadRequest(f"the body is no JSON object, but a {type(body).__name__}")
    try:
        return msgspec.convert(loads(body), dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is no JSON object: {error}") from None
