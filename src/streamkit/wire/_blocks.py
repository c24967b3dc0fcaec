"""Files, sources and results in the blocks of a message, in the spellings there are for them.

A block is a dict as upstream gave it; whatever is not where it is looked for is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

from .._fields import dict_or_empty

__all__ = ["File", "Source", "as_list", "file_of", "result_of", "source_of"]

_MEDIA = {
    "image": "image/*",
    "image_url": "image/*",
    "audio": "audio/*",
    "video": "video/*",
    "file": "application/octet-stream",
    "text-plain": "text/plain",
}
"""Blocks that are files, and what kind of file where the block does not say."""


class File(NamedTuple):
    """A file that a model made or was given."""

    url: str
    """Where it is; a ``data:`` URL holds it."""
    media_type: str


class Source(NamedTuple):
    """What a text refers to."""

    url: str | None
    title: str | None


def as_list(value: object) -> list[Any]:
    """Give a copy of ``value`` if it is a list, and an empty one if not."""
    return [*cast("Iterable[Any]", value)] if isinstance(value, list) else []


def file_of(block: object) -> File | None:
    """Give the file that a block holds or points to.

    >>> file_of({"type": "image", "base64": "aGk=", "mime_type": "image/png"})
    File(url='data:image/png;base64,aGk=', media_type='image/png')
    """
    fields = _flat(block, "source", "image_url")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _MEDIA:
        return None
    media_type = _text(fields, "mime_type", "media_type") or _MEDIA[kind]
    data = _text(fields, "base64", "data")
    url = _text(fields, "url", "image_url") or (data and f"data:{media_type};base64,{data}")
    return File(url, media_type) if url else None


def source_of(citation: object) -> Source:
    """Give what an annotation refers to.

    >>> source_of({"type": "url_citation", "url_citation": {"url": "u", "title": "t"}})
    Source(url='u', title='t')
    """
    fields = _flat(citation, "url_citation", "value")
    return Source(_text(fields, "url"), _text(fields, "title", "document_title", "filename"))


def result_of(block: object) -> tuple[str | None, Any]:
    """Give the id of the call that a block is the result of, if it is one, and the result.

    >>> result_of({"type": "web_search_tool_result", "tool_use_id": "s1", "content": []})
    ('s1', [])
    """
    fields = dict_or_empty(block)
    id = _text(fields, "tool_call_id", "tool_use_id", "id")
    return id, fields.get("output", fields.get("content", block))


def _flat(block: object, *inner: str) -> dict[str, Any]:
    """Give a block's fields and those of the dicts in it that some providers put them into."""
    fields = dict_or_empty(block)
    flat = [(name, it) for key in inner for name, it in dict_or_empty(fields.get(key)).items()]
    return dict(flat) | fields


def _text(fields: dict[str, Any], *names: str) -> str | None:
    """Give the first of these fields that is a text."""
    return next((it for it in map(fields.get, names) if it and isinstance(it, str)), None)
