"""Files, sources and results in the blocks of a message, in their various spellings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, cast

from .._fields import dict_or_empty

ANY_MEDIA: Final = "application/octet-stream"
"""The media type of a file of which nothing is known."""

_MEDIA = {
    "image": "image/*",
    "image_url": "image/*",
    "image_generation_call": "image/png",
    "audio": "audio/*",
    "input_audio": "audio/*",
    "video": "video/*",
    "file": ANY_MEDIA,
    "document": ANY_MEDIA,
    "media": ANY_MEDIA,
    "text-plain": "text/plain",
}
"""Blocks that are files, and what kind of file where the block does not say."""


class File(NamedTuple):
    """A file that a model made or was given."""

    url: str
    """Where it is; a ``data:`` URL holds it."""
    media_type: str
    filename: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether the media type says more than the kind of the block does."""
        return self.media_type != ANY_MEDIA and not self.media_type.endswith("/*")


class Source(NamedTuple):
    """A source that a citation refers to."""

    url: str | None
    title: str | None


def as_list(value: object) -> list[Any]:
    """Return a copy of ``value`` if it is a list, and an empty one if not."""
    return [*cast("Iterable[Any]", value)] if isinstance(value, list) else []


def file_of(block: object) -> File | None:
    """Return the file that a block holds or points to.

    >>> file_of({"type": "image", "base64": "aGk=", "mime_type": "image/png"})
    File(url='data:image/png;base64,aGk=', media_type='image/png', filename=None)
    """
    # Anthropic has a file's fields below `source`, and OpenAI below the name of the block's type.
    fields = _flat(block, "source", "image_url", "input_audio", "file")
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _MEDIA:
        return None
    data = _text(fields, "base64", "data", "result", "file_data")
    url = _text(fields, "url", "image_url") or (data if media_type_in(data) else None)
    media_type = _text(fields, "mime_type", "media_type") or media_type_in(url)
    if media_type is None:
        media_type, form = _MEDIA[kind], _text(fields, "output_format", "format")
        if form:  # of OpenAI's own tool, which gives a `result`, and of its audio
            media_type = f"{media_type.partition('/')[0]}/{form}"
    url = url or (data and f"data:{media_type};base64,{data}")
    return File(url, media_type, _text(fields, "filename")) if url else None


def media_type_in(url: str | None) -> str | None:
    """Return the media type that a ``data:`` URL names, as Gemini's images have it."""
    scheme, _, rest = (url or "").partition(":")
    return rest.partition(",")[0].partition(";")[0] or None if scheme == "data" else None


def source_of(citation: object) -> Source:
    """Return what an annotation refers to.

    >>> source_of({"type": "url_citation", "url_citation": {"url": "u", "title": "t"}})
    Source(url='u', title='t')
    """
    # OpenAI's chat completions nest them in `url_citation`, langchain-core 1.0 others' in `value`.
    fields = _flat(citation, "url_citation", "value")
    return Source(_text(fields, "url"), _text(fields, "title", "document_title", "filename"))


def sources_in(documents: Iterable[object]) -> list[Source]:
    """Return what documents, as JSON data, say of where they are from.

    >>> sources_in([{"metadata": {"source": "https://a.test/b", "title": "B"}}])
    [Source(url='https://a.test/b', title='B')]
    """
    found: list[Source] = []
    for document in documents:
        fields = dict_or_empty(dict_or_empty(document).get("metadata"))
        # LangChain's loaders call it `source`: the path of a file as often as a URL.
        place = _text(fields, "url", "link", "source")
        url = place if place and place.startswith(("https://", "http://")) else None
        found.append(Source(url, _text(fields, "title", "source", "file_path", "filename")))
    return found


def fields_of_message(message: object) -> dict[str, Any]:
    """Return a message's fields, from LangChain's stored form or from the flat one.

    >>> fields_of_message({"type": "ai", "data": {"content": "Hi"}})["content"]
    'Hi'
    """
    fields = dict_or_empty(message)
    return dict_or_empty(fields.get("data", fields))


def text_of(content: object) -> str:
    """Return the text in a message's content.

    >>> text_of([{"type": "text", "text": "Hel"}, "lo", {"type": "image"}])
    'Hello'
    """
    if isinstance(content, str):
        return content
    blocks = [
        it if isinstance(it, str) else _text(dict_or_empty(it), "text") for it in as_list(content)
    ]
    return "".join(it for it in blocks if it)


def result_of(block: object) -> tuple[str | None, Any]:
    """Return the id of the call that a block is the result of, if it is one, and the result.

    >>> result_of({"type": "web_search_tool_result", "tool_use_id": "s1", "content": []})
    ('s1', [])
    """
    fields = dict_or_empty(block)
    # The words of langchain-core's `ServerToolResult`, of Anthropic, and of the Responses API.
    id = _text(fields, "tool_call_id", "tool_use_id", "id")
    return id, fields.get("output", fields.get("content", block))


def _flat(block: object, *inner: str) -> dict[str, Any]:
    """Return a block's fields and those of the dicts in it that some providers put them into."""
    fields = dict_or_empty(block)
    flat = [(name, it) for key in inner for name, it in dict_or_empty(fields.get(key)).items()]
    return dict(flat) | fields


def _text(fields: dict[str, Any], *names: str) -> str | None:
    """Return the first of these fields that is a text."""
    return next((it for it in map(fields.get, names) if it and isinstance(it, str)), None)
