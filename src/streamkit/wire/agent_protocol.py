r"""Events in LangChain's agent streaming protocol, for ``useStream`` of ``@langchain/react``.

    event: messages|model:1
    data: {"type":"event","method":"messages","params":{"namespace":["model:1"],…},"seq":17}

The protocol has one sequence of events for a thread, over all its runs. The module writes the part
of one run; `streamkit.serve.agent_protocol_routes` are the requests of the client.

Laws of this file:

1. ``seq`` grows over the runs of a thread: a run counts from the time of its start in microseconds,
   and no event is written in less than one.
2. The root has one terminal lifecycle event, the last of its run.
3. Messages that are open at once differ in their namespace or node: clients tell them apart by
   these, and not by id.
4. At the end the client has the messages of the root's state, and no others.
5. The ``event`` of a frame is its channel and namespace, so that a server filters without parsing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import time, time_ns
from typing import Any, ClassVar, Final

import msgspec

from .. import events as ev
from .._fields import configurable_of, dict_or_empty, free_id
from ..mapping import PerRun, per_run
from ..values import Origin
from . import sse
from ._blocks import as_list, text_of
from ._plain_json import dump_plain, dump_text
from ._redact import InnerText
from .protocol import BaseEncoder, Frames, error_text
from .resume import Resume, deltas, payloads

__all__ = ["HEADERS", "Encoder", "encoder"]

HEADERS: Final[Mapping[str, str]] = sse.HEADERS
"""The headers of a response that streams such frames and is not to be held up on its way."""

HEARTBEAT: Final = sse.HEARTBEAT
"""A comment frame. The client reconnects when frames of this kind stop coming."""

_ROLES = {"human": "human", "user": "human", "system": "system", "tool": "tool"}
_ENDS = {"completed": "completed", "interrupted": "interrupted", "cancelled": "interrupted"}
_CUT_OFF = "the run was cut off"


def encoder(
    *, private: bool = False, after: int | None = None, is_fork: bool = False
) -> PerRun[ev.Event, bytes]:
    r"""Return a stage from events to frames.

    Args:
        private: also write what otherwise stays in the process, such as exception texts.
        after: the ``seq`` that the run's own follow; by default the time in microseconds.
        is_fork: the run starts at an earlier checkpoint. Then checkpoints are written without their
            step: @langchain/langgraph-sdk 1.11.0 would take the new steps for old ones.

    >>> from streamkit import normalize
    >>> frames = list(normalize(["Hel", "lo"], clock=lambda: 0.5).pipe(encoder(after=6)))
    >>> frames[0].split(b"params")[1]
    b'":{"namespace":[],"timestamp":500,"data":{"event":"running"}},"seq":7,"event_id":"7"}\n\n'
    """
    return per_run(lambda: Encoder(private=private, after=after, is_fork=is_fork).feed)


class _OpenMessage:
    """A message that is being written."""

    def __init__(self, at: tuple[str, ...], node: str | None) -> None:
        self.at = (at, node)
        self.is_of_root = not at or (len(at) == 1 and not at[0].startswith(("tools:", "task:")))
        """Whether the client puts it into the list of the thread's messages."""
        self.head = _head("messages", at, node)
        self.annotations: dict[int, list[Any]] = {}
        self._indexes: dict[int, int] = {}

    def index(self, block_id: int) -> int:
        """Return a block's place in the message: the client's list must have no holes."""
        return self._indexes.setdefault(block_id, len(self._indexes))


class Encoder(BaseEncoder):
    """One run's encoder; `encoder` describes the options.

    >>> from streamkit import Origin, RunStart
    >>> machine = Encoder()
    >>> b'"running"' in machine.feed(RunStart(origin=Origin(), timestamp=0.5))[0]
    True
    >>> b'"failed"' in machine.close()[0]
    True
    """

    flat: ClassVar[bool] = True
    renames_calls: ClassVar[bool] = False
    inner_text: InnerText = "subgraphs"

    def __init__(
        self, *, private: bool = False, after: int | None = None, is_fork: bool = False
    ) -> None:
        super().__init__(private=private)
        # `@langchain/langgraph-sdk` 1.15.0 skips a `seq` that it has applied in the thread: numbers
        # grow from run to run, also after a restart of the server.
        self._seq = time_ns() // 1000 if after is None else after
        self._is_fork = is_fork
        self._messages: dict[str, _OpenMessage] = {}
        self._snapshot: ev.StateSnapshot | None = None
        """A state that waits for its checkpoint."""
        self._about: dict[str, Any] = {}
        """The step and the source of the newest checkpoint."""
        self._state: ev.StateSnapshot | None = None
        """The root's newest state."""
        self._unstored: dict[str, None] = {}
        """The ids of the root's messages since then, which that state does not hold."""

    def feed(self, item: Any) -> tuple[bytes, ...]:
        """Return the bytes of an item.

        LangGraph 1.2 yields a state just before its checkpoint. The client expects them the other
        way round, so a state waits for the next event.
        """
        if isinstance(item, ev.Checkpoint):
            about = dict_or_empty(item.metadata)
            # The client rejects a state whose step is below the newest one that it has.
            names = ("source",) if self._is_fork else ("step", "source")
            self._about = {name: about[name] for name in names if name in about}
        elif self._snapshot:
            return (*self._waiting_state(), *super().feed(item))
        return super().feed(item)

    # --- the run

    def run_start(self, event: ev.RunStart) -> Frames:
        return self._lifecycle(event, (), "running")

    def run_end(self, event: ev.RunEnd) -> Frames:
        status = _ENDS.get(event.status, "failed")
        return self._end(event, status, **({"error": _CUT_OFF} if status == "failed" else {}))

    def run_error(self, event: ev.RunError) -> Frames:
        return self._end(event, "failed", error=error_text(event.error))

    def _end(self, event: ev.RunEnd | ev.RunError, status: str, **more: str) -> Frames:
        """End the run; remove first what it has left half written."""
        if self._unstored and self._state:
            self._snapshot = self._state
            yield from self._waiting_state()
        yield from self._lifecycle(event, (), status, **more)

    def step_start(self, event: ev.StepStart) -> Frames:
        if event.kind == "node":
            id = event.origin.tool_call_id
            # An Agent Server names the call of a sub-agent in the same place (langgraph-api 0.18).
            more = {"cause": {"type": "toolCall", "tool_call_id": id}} if id else {}
            yield from self._lifecycle(event, _path(event.origin), "started", **more)

    def step_end(self, event: ev.StepEnd) -> Frames:
        if event.kind == "node":
            status = _ENDS.get(event.status, "failed")
            more = {"error": error_text(event.error)} if event.error else {}
            yield from self._lifecycle(event, _path(event.origin), status, **more)

    def _lifecycle(self, event: ev.Event, at: tuple[str, ...], status: str, **more: Any) -> Frames:
        name = event.origin.node if at else event.origin.name
        names = {"graph_name": name} if name else {}
        yield self._event("lifecycle", at, event, {"event": status, **names, **more})

    # --- messages

    def message_start(self, event: ev.MessageStart) -> Frames:
        role = _ROLES.get(event.role, "ai")
        names = {"provider": event.provider, "model": event.model}
        metadata = {name: it for name, it in names.items() if it}
        more = {"metadata": metadata} if metadata else {}
        message = self._open(event, event.message_id)
        yield self._data(message, event, "message-start", role=role, id=event.message_id, **more)

    def _open(self, event: ev.Event, id: str) -> _OpenMessage:
        at, node = _path(event.origin), event.origin.node
        taken = {it.at for it in self._messages.values()}
        # langgraph-sdk 1.15.0 finds the open message of a delta by namespace and node, unless both
        # have a run id, which no stream mode has for every message.
        if (at, node) in taken:
            node = free_id(str(node), lambda it: (at, it) in taken)
        message = self._messages[id] = _OpenMessage(at, node)
        return message

    def text_start(self, event: ev.TextStart) -> Frames:
        return self._block(event, "start", content={"type": "text", "text": ""})

    def text_delta(self, event: ev.TextDelta) -> Frames:
        return self._piece(event, b'{"type":"text-delta","text":%b}' % dump_text(event.text))

    def text_end(self, event: ev.TextEnd) -> Frames:
        message = self._messages.get(event.message_id)
        found = message.annotations.get(event.block_id) if message else None
        more = {"annotations": found} if found else {}
        return self._block(event, "finish", content={"type": "text", "text": event.text, **more})

    def citation(self, event: ev.Citation) -> Frames:
        """Write all annotations of the block so far: this delta replaces them."""
        message = self._messages.get(event.message_id)
        if not message:
            return ()
        found = message.annotations.setdefault(event.block_id, [])
        found.append(event.citation)
        fields = {"type": "text", "annotations": found}
        return self._block(event, "delta", delta={"type": "block-delta", "fields": fields})

    def reasoning_start(self, event: ev.ReasoningStart) -> Frames:
        return self._block(event, "start", content={"type": "reasoning", "reasoning": ""})

    def reasoning_delta(self, event: ev.ReasoningDelta) -> Frames:
        text = dump_text(event.text)
        return self._piece(event, b'{"type":"reasoning-delta","reasoning":%b}' % text)

    def reasoning_end(self, event: ev.ReasoningEnd) -> Frames:
        more = {"extras": {"signature": event.signature}} if event.signature else {}
        content = {"type": "reasoning", "reasoning": event.text, **more}
        return self._block(event, "finish", content=content)

    def tool_call_start(self, event: ev.ToolCallStart) -> Frames:
        kind = "server_tool_call_chunk" if event.provider_executed else "tool_call_chunk"
        # A call in progress is a chunk: the client makes a call of it when its block finishes.
        content = {"type": kind, "id": event.tool_call_id, "name": event.name, "args": ""}
        return self._block(event, "start", content=content)

    def tool_call_delta(self, event: ev.ToolCallDelta) -> Frames:
        """Write a piece in both spellings: langgraph-sdk 1.11.0 knows no ``tool-call-delta``."""
        delta = {"type": "tool-call-delta", "args": event.args}
        content = {"type": "tool_call_chunk", "args": event.args}
        return self._block(event, "delta", delta=delta, content=content)

    def tool_call_end(self, event: ev.ToolCallEnd) -> Frames:
        content = {"id": event.tool_call_id, "name": event.name}
        if event.error is not None:
            content |= {"type": "invalid_tool_call", "args": event.text, "error": event.error}
        else:
            kind = "server_tool_call" if event.provider_executed else "tool_call"
            content |= {"type": kind, "args": event.args}
        return self._block(event, "finish", content=content)

    def content(self, event: ev.Content) -> Frames:
        block = dict_or_empty(event.block)
        yield from self._block(event, "start", content=block)
        yield from self._block(event, "finish", content=block)

    def message_end(self, event: ev.MessageEnd) -> Frames:
        message = self._close(event.message_id)
        if message:
            usage = {"usage": msgspec.to_builtins(event.usage)} if event.usage else {}
            reason = {"reason": event.finish_reason} if event.finish_reason else {}
            yield self._data(message, event, "message-finish", **usage, **reason)

    def message_replaced(self, event: ev.MessageReplaced) -> Frames:
        """Write the message again: the client prefers what was streamed to what the state has."""
        fields = dict_or_empty(event.message)
        if not fields.get("id"):  # (a result that gets its id from the state)
            return
        role = _ROLES.get(str(fields.get("type")), "ai")
        message = self._open(event, event.message_id)
        call = {"tool_call_id": event.tool_call_id} if event.tool_call_id else {}
        yield self._data(message, event, "message-start", role=role, id=event.message_id, **call)
        for index, block in enumerate(_blocks_of(fields)):
            for edge in ("start", "finish"):
                name = f"content-block-{edge}"
                yield self._data(message, event, name, index=index, content=block)
        yield self._data(message, event, "message-finish", usage=fields.get("usage_metadata"))
        self._close(event.message_id)

    def _close(self, id: str) -> _OpenMessage | None:
        message = self._messages.pop(id, None)
        if message and message.is_of_root:
            self._unstored[id] = None
        return message

    def _piece(self, event: ev.TextDelta | ev.ReasoningDelta, delta: bytes) -> Frames:
        message = self._messages.get(event.message_id)
        if message is None:
            return ()
        data = b'{"event":"content-block-delta","index":%d,"delta":%b}' % (
            message.index(event.block_id),
            delta,
        )
        return (self._frame(message.head, event.timestamp, data),)

    def _block(self, event: Any, edge: str, **fields: Any) -> Frames:
        message = self._messages.get(event.message_id)
        if message:  # (else a call in a message whose text is left out)
            index = message.index(event.block_id)
            yield self._data(message, event, f"content-block-{edge}", index=index, **fields)

    def _data(self, message: _OpenMessage, event: ev.Event, name: str, **fields: Any) -> bytes:
        data = dump_plain({"event": name, **fields})
        return self._frame(message.head, event.timestamp, data)

    # --- tools

    def tool_start(self, event: ev.ToolStart) -> Frames:
        return self._tool(event, "tool-started", tool_name=event.name, input=event.input)

    def tool_delta(self, event: ev.ToolDelta) -> Frames:
        delta = event.delta
        text = delta if isinstance(delta, str) else dump_plain(delta).decode()
        return self._tool(event, "tool-output-delta", delta=text)

    def tool_end(self, event: ev.ToolEnd) -> Frames:
        if event.status == "completed":
            return self._tool(event, "tool-finished", output=event.output)
        return self._tool(event, "tool-error", message=event.status)

    def tool_error(self, event: ev.ToolError) -> Frames:
        return self._tool(event, "tool-error", message=error_text(event.error))

    def _tool(self, event: Any, name: str, **fields: Any) -> Frames:
        data = {"event": name, "tool_call_id": event.tool_call_id, **fields}
        yield self._event("tools", _path(event.origin), event, data)

    # --- the state

    def state_snapshot(self, event: ev.StateSnapshot) -> Frames:
        self._snapshot = event
        return ()

    def checkpoint(self, event: ev.Checkpoint) -> Frames:
        state, at = self._snapshot, event.origin.namespace
        if state and state.origin.namespace == at:
            yield from self._removals(state)
            configs = {"id": event.config, "parent_id": event.parent_config}
            ids = {name: configurable_of(it).get("checkpoint_id") for name, it in configs.items()}
            known = {name: it for name, it in ids.items() if it}
            yield self._event("checkpoints", at, event, {**known, **self._about})
        yield from self._waiting_state()

    def _waiting_state(self) -> Frames:
        state, self._snapshot = self._snapshot, None
        if state:
            yield from self._removals(state)
            yield self._event("values", state.origin.namespace, state, state.values)

    def _removals(self, state: ev.StateSnapshot) -> Frames:
        """Remove the messages that were written and are not in the root's new state.

        The client keeps a streamed message that no state has, unless a state had it before: so
        there is one with them first. They are half messages, answers of models whose node did not
        store them, and messages that the state has under another id.
        """
        if state.origin.namespace:
            return
        self._state = state
        values = dict_or_empty(state.values)
        stored = as_list(values.get("messages"))
        given = (dict_or_empty(it).get("id") for it in stored)
        ids = {id for id in given if isinstance(id, str)}
        lost = [it for it in self._unstored if it not in ids]
        self._unstored.clear()
        if lost and "messages" in values:
            removed = [{"type": "ai", "id": id, "content": ""} for id in lost]
            yield self._event("values", (), state, {**values, "messages": [*stored, *removed]})

    def state_update(self, event: ev.StateUpdate) -> Frames:
        data = {"node": event.node, "values": event.values}
        yield self._event("updates", event.origin.namespace, event, data)

    def interrupt(self, event: ev.Interrupt) -> Frames:
        # A breakpoint has no interrupt of LangGraph's, and nothing that an answer could name.
        if not event.static:
            data = {"interrupt_id": event.interrupt_id, "payload": event.value}
            yield self._event("input", event.origin.namespace, event, data)

    def custom(self, event: ev.Custom) -> Frames:
        named = {} if event.name is None else {"name": event.name}
        channel = "custom" if event.name is None else f"custom:{event.name}"
        data = {**named, "payload": event.data}
        yield self._event(channel, event.origin.namespace, event, data)

    # --- frames

    def _event(self, channel: str, at: tuple[str, ...], event: ev.Event, data: Any) -> bytes:
        return self._frame(_head(channel, at), event.timestamp, dump_plain(data))

    def _frame(self, head: bytes, timestamp: float, data: bytes) -> bytes:
        self._seq += 1
        return _numbered(self._seq, head, timestamp, data)


def _numbered(seq: int, head: bytes, timestamp: float, data: bytes) -> bytes:
    form = b'%b,"timestamp":%d,"data":%b},"seq":%d,"event_id":"%d"}\n\n'
    return form % (head, timestamp * 1000, data, seq, seq)


def _path(origin: Origin) -> tuple[str, ...]:
    """Return the namespace of what a node does: its graph's, and the task of the node.

    The client shows messages at most one name deep as the thread's own. Deeper ones are a
    subgraph's, and those below ``tools:…`` are of a tool.
    """
    # LangGraph joins the names of this path with `|`, a node and its task with `:`.
    path = origin.metadata.get("langgraph_checkpoint_ns")
    return tuple(path.split("|")) if isinstance(path, str) and path else origin.namespace


def _blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the content of a message from the state, and its calls, as blocks."""
    content = message.get("content")
    blocks = [it for it in map(dict_or_empty, as_list(content)) if it]
    if not blocks:
        blocks = [{"type": "text", "text": text_of(content)}]
    # The client takes calls from blocks, and a stored message has them in a field.
    calls = [dict_or_empty(it) for it in as_list(message.get("tool_calls"))]
    return [*blocks, *({**it, "type": "tool_call"} for it in calls)]


def _head(channel: str, at: tuple[str, ...], node: str | None = None) -> bytes:
    """Return the bytes of a frame before its timestamp. No name breaks the first line."""
    method = "input.requested" if channel == "input" else channel.partition(":")[0]
    params = {"namespace": list(at), **({"node": node} if node else {})}
    event = " ".join("|".join((channel.replace("|", " "), *at)).split()).encode(errors="replace")
    about = dump_plain({"type": "event", "method": method, "params": params})[:-2]
    return b"event: %b\ndata: %b" % (event, about)


def gap(missed: int) -> bytes:
    """Return the ``custom`` event that counts the frames which are no longer kept for a client.

    >>> gap(3).startswith(b"event: custom:streamkit.gap")
    True
    """
    data = dump_plain({"name": "streamkit.gap", "payload": {"missed": missed}})
    head = _head("custom:streamkit.gap", ())
    return b'%b,"timestamp":%d,"data":%b}}\n\n' % (head, time() * 1000, data)


# --- clients that reconnect

_TEXTS = {"text-delta": "text", "reasoning-delta": "reasoning"}
_TERMINAL = frozenset({"completed", "failed", "interrupted"})


def _find(data: Any) -> tuple[dict[str, Any], str, object] | None:
    match data:
        case {
            "params": {"data": {"index": int(n), "delta": {"type": str(kind)} as delta}} as params
        }:
            return (delta, _TEXTS[kind], (params.get("node"), n)) if kind in _TEXTS else None
        case _:
            return None


def _cut_off(frames: Iterable[bytes]) -> list[bytes]:
    seq = 0
    for it in payloads(frames):
        seq = it.get("seq", seq)
        params = dict_or_empty(it.get("params"))
        state = dict_or_empty(params.get("data")).get("event")
        if it.get("method") == "lifecycle" and not params.get("namespace") and state in _TERMINAL:
            return []
    data = dump_plain({"event": "failed", "error": _CUT_OFF})
    return [_numbered(seq + 1, _head("lifecycle", ()), time(), data)]


RESUME = Resume(deltas(["event: messages"], _find), _cut_off)
"""How a client comes back to a run in this format: for `streamkit.serve.Runs`."""
