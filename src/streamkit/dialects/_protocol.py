"""Protocol events about messages, each matched with the open message that it is about.

1. Locally every event comes with metadata, whose ``run_id`` names the model run.
2. A server sends the bare event. The message's id decides, where the event repeats it; else
   it is about the one message that is open in its namespace.
3. Where two such messages are open it cannot be decided: such events are refused (so they
   become `Unrecognized`), and the messages end incomplete once as many finishes have come.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from msgspec.structs import replace

from .._core.assembly import Assembly
from .._core.kinds import kind_of
from .._core.message import Message
from .._core.origin import checkpoint_ns, is_internal
from .._fields import Fields, dict_or_empty, shown, text_or_none
from ..errors import MalformedItem
from ..events import Event
from ..values import Namespace, Origin
from ._blocks import BlockEvents
from .messages import is_before

_EVENTS = frozenset(
    {
        "message-start",
        "content-block-start",
        "content-block-delta",
        "content-block-finish",
        "message-finish",
    }
)
# langchain-core and langgraph-api write LangChain's roles, our events those of the providers.
_ROLES = {"ai": "assistant", "human": "user"}


def is_protocol_event(raw: object) -> bool:
    """Return whether ``raw`` is a protocol event about a message, without any envelope."""
    event = dict_or_empty(raw).get("event")
    return isinstance(event, str) and event in _EVENTS


class ProtocolMessages:
    """The reader of protocol events, and of the whole messages between them."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._by_run = assembly.messages.by_run
        self._results: set[object] = set()
        self._lost: dict[Namespace, int] = {}

    def read(self, raw: object, namespace: Namespace = ()) -> None:
        """Read ``(payload, metadata)``, or a bare event, into the assembly."""
        payload, metadata = _parts(raw)
        if kind_of(payload):
            self._assembly.whole_message(payload, self._origin(metadata, namespace))
        elif isinstance(payload, dict):
            self._event(cast("Fields", payload), metadata, namespace)
        else:
            raise MalformedItem(
                f"expected a message or a protocol event, got {shown(raw, 200)}", raw
            )

    def delta_of(self, raw: Any) -> Event | None:
        """Return the delta of an event that only continues a text, as most do, else None."""
        if raw.__class__ is not tuple:
            return None
        event, metadata = raw
        message = self._by_run.get(metadata.get("run_id"))
        if message is None or message.reader is None or event.__class__ is not dict:
            return None
        delta: Event | None = message.reader.delta_of(event)
        return delta

    # --- protocol events

    def _event(self, event: Fields, metadata: dict[str, Any], namespace: Namespace) -> None:
        run_id = _run_in(metadata)
        match event["event"]:
            case "message-start":
                self._start(event, metadata, namespace)
            case _ if (run_id or namespace) in self._results:
                if event["event"] == "message-finish":
                    self._results.discard(run_id or namespace)
            case "message-finish":
                message = self._message_of(event, run_id, namespace)
                message.reader.finish(event)
                self._assembly.end_message(message.key)
            case "error":
                # Only the end of its node or of the run shows whether another attempt follows.
                message = self._message_of(event, run_id, namespace)
                message.has_failed = True
                error = {name: event[name] for name in ("message", "code") if name in event}
                message.response({"error": error})
            case _:
                self._message_of(event, run_id, namespace).reader.read(event)

    def _start(self, event: Fields, metadata: dict[str, Any], namespace: Namespace) -> None:
        run_id, id = _run_in(metadata), event.get("id") or event.get("message_id")
        if event.get("role") == "tool":
            # A result: the state and `tools` have it whole. A server mirrors it without a run, in
            # a namespace of its own (`tools:<call id>`), and its deltas have `content` for `delta`.
            self._results.add(run_id or namespace)
            return
        origin = self._origin(metadata, namespace)
        self._end_earlier(origin, run_id)
        named, role = dict_or_empty(event.get("metadata")), event.get("role") or "ai"
        message = self._assembly.start_message(
            object(),
            origin,
            id,
            role=_ROLES.get(role, role),
            model=named.get("model"),
            provider=named.get("provider"),
        )
        message.marks_its_end = True
        message.reader = BlockEvents(message)

    def _end_earlier(self, origin: Origin, run_id: str | None) -> None:
        """End the messages of earlier supersteps, and what this run wrote before."""
        for message in self._assembly.messages:
            is_of_run = run_id and message.origin.run_id == run_id
            if is_of_run or is_before(message.origin, origin):
                self._assembly.leave_message(message, "abandoned")

    def _message_of(self, event: Fields, run_id: str | None, namespace: Namespace) -> Message:
        """Return the open message that an event is about."""
        message = self._by_run.get(run_id)
        if message and message.reader:
            return message
        # Only langchain-core's own stream has run ids; a server's deltas have neither run nor id.
        messages = [] if run_id else self._about(event, namespace)
        if len(messages) == 1:
            return messages[0]
        if messages:
            self._count_lost(event, namespace, messages)
            reason = (
                f"{len(messages)} messages are open in its namespace, and it does not say which"
            )
        else:
            reason = "no message is open that it could be about"
        raise MalformedItem(f"{event['event']}: {reason}", event)

    def _about(self, event: Fields, namespace: Namespace) -> list[Message]:
        """Return the messages that an event without metadata may be about."""
        id = event.get("id") or event.get("message_id")
        messages = [it for it in self._assembly.messages if it.reader]
        if id:
            return [it for it in messages if id in it.ids]
        return [it for it in messages if it.origin.namespace == namespace]

    def _count_lost(self, event: Fields, namespace: Namespace, messages: list[Message]) -> None:
        """Count the finishes that fit several messages; after the last one all of them are over."""
        if event["event"] not in {"message-finish", "error"}:
            return
        self._lost[namespace] = self._lost.get(namespace, 0) + 1
        if self._lost[namespace] >= len(messages):
            del self._lost[namespace]
            for message in messages:
                self._assembly.leave_message(message)

    def _origin(self, metadata: dict[str, Any], namespace: Namespace) -> Origin:
        scopes, run_id = self._assembly.scopes, _run_in(metadata)
        if checkpoint_ns(metadata):
            return scopes.origin_from(metadata, run_id=run_id)
        internal = is_internal(metadata, metadata.get("tags") or ())
        place = scopes.origin(namespace, task_id=run_id)
        return replace(place, metadata=metadata, internal=internal)


def _run_in(metadata: Fields) -> str | None:
    return text_or_none(metadata.get("run_id"))


def _parts(raw: object) -> tuple[object, dict[str, Any]]:
    """Return a payload and its metadata."""
    # langgraph-api (0.16) sends the payload alone, langchain-core (1.8) a pair of both.
    if isinstance(raw, (tuple, list)):
        payload, metadata = cast("Sequence[object]", raw)
        return payload, dict_or_empty(metadata)
    return raw, {}
