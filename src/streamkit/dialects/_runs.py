"""What the runs of ``astream_events`` and of callbacks say about themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from .._core.message import Message
from .._core.origin import checkpoint_ns, is_node
from .._core.payload import fields_of, kind_of
from .._fields import dict_or_empty
from ..values import Origin, StepKind

__all__ = ["Completion", "Run", "answer_in", "kind_of_step", "sent_tool_call_id", "takes_place_of"]


class Run:
    """What is known of one upstream run while it lasts."""

    __slots__ = ("kind", "message", "origin", "tool_call_id")

    def __init__(self, origin: Origin, kind: StepKind | None) -> None:
        self.origin: Origin = origin
        self.kind: StepKind | None = kind
        self.message: Message | None = None
        self.tool_call_id: str | None = None


def kind_of_step(event: dict[str, Any]) -> StepKind:
    """Give what a run that starts will do."""
    kind = event["event"].removeprefix("on_").removesuffix("_start")
    return cast("StepKind", kind) if kind != "chain" else _kind_of_chain(event)


def _kind_of_chain(event: dict[str, Any]) -> StepKind:
    metadata: Mapping[str, Any] = event.get("metadata") or {}
    if is_node(event):
        return "node"
    at_root = "langgraph_node" not in metadata and metadata.get("ls_integration") == "langgraph"
    if at_root or event["name"] in {"LangGraph", metadata.get("lc_agent_name")}:
        return "graph"
    return "chain"


def takes_place_of(new: Origin, old: Origin) -> bool:
    """Tell whether a run is another attempt at what ``old`` did not end."""
    if new.parent_ids != old.parent_ids:
        return False
    return _is_next_attempt(new) or _is_same_task(new, old)


def _is_next_attempt(new: Origin) -> bool:
    return any(tag.startswith("retry:attempt:") for tag in new.tags)


def _is_same_task(new: Origin, old: Origin) -> bool:
    """A node that a RetryPolicy runs again: same name, same task."""
    path = checkpoint_ns(new.metadata)
    is_attempt = new.name == new.node and any(tag.startswith("graph:step:") for tag in new.tags)
    return is_attempt and path != "" and path == checkpoint_ns(old.metadata)


def sent_tool_call_id(given: object) -> str | None:
    """Give the call that a node was sent to run: agents send each call to a task of its own."""
    calls = cast("list[object]", given if isinstance(given, list) else [given])
    sent = dict_or_empty(calls[0]) if len(calls) == 1 else {}
    sent = dict_or_empty(sent.get("tool_call", sent))
    return sent.get("id") if "name" in sent and "args" in sent else None


class Completion(NamedTuple):
    """What a model without messages answered."""

    text: str
    info: dict[str, Any]


def answer_in(output: object) -> Mapping[str, Any] | Completion | None:
    """Give a model's whole answer: a message's fields, or a completion."""
    if kind_of(output):
        return fields_of(output)
    default: object = getattr(output, "generations", None)
    generations: Any = dict_or_empty(output).get("generations", default)
    if not generations or not generations[0]:
        return None
    first: object = generations[0][0]
    fields = dict_or_empty(first) or fields_of(first)
    message = fields.get("message")
    if kind_of(message):
        return fields_of(message)
    return Completion(fields.get("text") or "", dict_or_empty(fields.get("generation_info")))
