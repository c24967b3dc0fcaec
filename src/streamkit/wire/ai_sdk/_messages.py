"""The AI SDK's UI messages as LangChain's messages.

What a client sends is not trusted: of every part only the fields that are needed are read, they
must have their types, and a URL must be one of the web or hold its file itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from ..._fields import dict_or_empty
from .._blocks import as_list, file_of
from .._plain_json import dumps
from .._request_body import FILE_URLS, content_of_blocks, converted, file_block

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage


class _Part(msgspec.Struct, rename="camel"):
    """A part as JSON data; parts have only the type in common."""


P = TypeVar("P", bound=_Part)


class UIMessage(msgspec.Struct):
    """A message as the client keeps it."""

    role: Literal["user", "assistant"]
    parts: list[dict[str, Any]]
    id: str = ""


class _Text(_Part):
    text: str


class _File(_Part):
    url: str
    media_type: str
    filename: str | None = None


class _Approval(_Part):
    id: str
    approved: bool | None = None
    reason: str | None = None


class Tool(_Part):
    """A call and its result."""

    type: str
    tool_call_id: str
    state: str
    tool_name: str = ""
    input: Any = None
    output: Any = None
    error_text: str | None = None
    approval: _Approval | None = None
    provider_executed: bool | None = None
    preliminary: bool | None = None
    call_provider_metadata: Any = None

    @property
    def is_inside(self) -> bool:
        """Whether an agent inside a tool made the call: it is no part of the conversation."""
        # The client stores the `providerMetadata` of a call's input as `callProviderMetadata`.
        about = dict_or_empty(self.call_provider_metadata).get("streamkit")
        return bool(dict_or_empty(about).get("toolCallId"))

    @property
    def name(self) -> str:
        """The tool's name, which a tool that the client knows has in its type."""
        # A `dynamic-tool` part has a `toolName`; a tool that the client declares is `tool-NAME`.
        return self.tool_name or self.type.partition("-")[2]

    @property
    def result(self) -> str | list[Any] | None:
        """The result for the model, where there is one: a text, or blocks of texts and files."""
        if self.state == "output-available" and not self.preliminary:
            blocks = as_list(self.output)
            if blocks and all(map(_is_block, blocks)):
                return blocks
            return self.output if isinstance(self.output, str) else dumps(self.output).decode()
        if self.state == "output-error":
            return self.error_text or "error"
        return "denied by the user" if self.state == "output-denied" else None


def _is_block(value: object) -> bool:
    fields, file = dict_or_empty(value), file_of(value)
    if file:
        return file.url.startswith(FILE_URLS)
    return fields.get("type") == "text" and isinstance(fields.get("text"), str)


def tools_in(parts: Sequence[dict[str, Any]]) -> list[Tool]:
    """Return the calls among some parts, whether or not the client knows their tools.

    Raises:
        BadRequest: one of them is not as it must be.
    """
    return [_converted(part, Tool) for part in parts if _is_tool(part)]


def has_results(message: UIMessage) -> bool:
    """Return whether the last step of an answer has results, which a model is to get.

    Raises:
        BadRequest: one of its calls is not as it must be.
    """
    *_, step = _steps(message.parts)
    return any(it.result is not None for it in tools_in(step) if not it.is_inside)


def _is_tool(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    return isinstance(kind, str) and (kind == "dynamic-tool" or kind.startswith("tool-"))


def _converted(part: dict[str, Any], cls: type[P]) -> P:
    return converted(part, cls, f"a {part['type']!r} part is broken")


def to_messages(messages: Iterable[UIMessage]) -> list[AnyMessage]:
    """Return the AI SDK's messages as LangChain's: of an answer one for each step, and its results.

    Calls without a result are left out, since no provider takes them, and so are reasoning and
    what the provider ran, which it would only take back with its own signature.

    Raises:
        BadRequest: a part is not as it must be.

    >>> said = UIMessage(role="user", id="u1", parts=[{"type": "text", "text": "Hi"}])
    >>> to_messages([said])
    [HumanMessage(content='Hi', ..., id='u1')]
    """
    return [made for it in messages for made in _made_of(it)]


def _made_of(message: UIMessage) -> Iterator[AnyMessage]:
    if message.role == "user":
        yield _human(message)
    else:
        for step in _steps(message.parts):
            yield from _answer(step)


def _human(message: UIMessage) -> AnyMessage:
    from langchain_core.messages import HumanMessage  # noqa: PLC0415  (half a second to import)

    blocks: list[Any] = []
    for part in message.parts:
        if part.get("type") == "text":
            blocks.append(_text_block(part))
        elif part.get("type") == "file":
            file = _converted(part, _File)
            blocks.append(file_block(file.url, file.media_type, file.filename))
    return HumanMessage(content_of_blocks(blocks), id=message.id or None)


def _text_block(part: dict[str, Any]) -> dict[str, str]:
    return {"type": "text", "text": _converted(part, _Text).text}


def _steps(parts: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    step: list[dict[str, Any]] = []
    for part in parts:
        if part.get("type") == "step-start":
            yield step
            step = []
        else:
            step.append(part)
    yield step


def _answer(step: Sequence[dict[str, Any]]) -> Iterator[AnyMessage]:
    from langchain_core.messages import AIMessage, ToolMessage  # noqa: PLC0415  (as above)

    texts = [_text_block(part) for part in step if part.get("type") == "text"]
    answered = [it for it in tools_in(step) if it.result is not None]
    tools = [it for it in answered if not (it.provider_executed or it.is_inside)]
    calls: list[Any] = [
        {
            "id": it.tool_call_id,
            "name": it.name,
            "args": dict_or_empty(it.input),
            "type": "tool_call",
        }
        for it in tools
    ]
    if texts or calls:
        yield AIMessage(content_of_blocks(texts), tool_calls=calls)
    for it in tools:
        yield ToolMessage(
            it.result or "",
            tool_call_id=it.tool_call_id,
            name=it.name,
            status="success" if it.state == "output-available" else "error",
        )
