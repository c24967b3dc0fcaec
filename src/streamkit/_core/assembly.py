"""The interface of dialects: steps, whole messages, retrievals, and events without a length.

An `Assembly` makes the events of a `Reader`. A dialect states what an item means; here and in
`brackets` it is decided which events open and close, and in which order, so that no dialect can
break the grammar.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from .._fields import REMOVE_ALL, Fields
from ..events import (
    Interrupt,
    MessageAdded,
    MessageRemoved,
    RetrievalEnd,
    RetrievalStart,
    StateUpdate,
    StepEnd,
    StepStart,
)
from ..values import ErrorInfo, Namespace, Origin, Status, StepKind
from .brackets import Bracket
from .kinds import call_id_of, fields_of, id_of, is_removal, kind_of
from .tool_runs import ToolRuns
from .writes import ChannelWrite, channel_writes


class Assembly(ToolRuns):
    """The open brackets and messages of one run, and the events made so far.

    >>> assembly = Assembly()
    >>> assembly.start_run()
    >>> assembly.start_tool("t", Origin(), "call_1", "weather", {"city": "Paris"})
    'call_1'
    >>> assembly.end_run("completed")
    >>> [event.type for event in assembly.take()]
    ['run.start', 'tool.start', 'tool.end', 'run.end']
    """

    # --- steps

    def start_step(self, step_id: str, kind: StepKind, origin: Origin, input: object) -> None:
        """Open a step."""
        self._begin(step_id, Bracket(StepEnd, origin, step_id=step_id, kind=kind))
        self.show(StepStart, origin, step_id=step_id, kind=kind, input=input)

    def end_step(
        self,
        step_id: str,
        output: object,
        status: Status = "completed",
        error: ErrorInfo | None = None,
    ) -> None:
        """Close a step and what it encloses."""
        self.close_inside(step_id, "interrupted" if self.interrupted else status)
        if step_id in self._open:
            self._end(step_id, status, output=output, error=self.unreported(error))

    def open_steps(self, namespace: Namespace, node: str) -> list[str]:
        """Return the open steps of a node, in the order they began."""
        nodes = self._open_nodes(namespace)
        return [it.fields["step_id"] for it in nodes if it.origin.node == node]

    def _open_nodes(self, namespace: Namespace) -> list[Bracket]:
        brackets = (it for it in self._open.values() if it.fields.get("kind") == "node")
        return [it for it in brackets if it.origin.namespace == namespace]

    def origin_of_write(self, namespace: Namespace) -> Origin:
        """Return the origin of a stream writer's data: the graph, and node and call if certain."""
        # The items of `custom` mode (langgraph 1.2) name the graph, but no node.
        graph = self.scopes.origin(namespace)
        nodes = self._open_nodes(namespace)
        if len({it.origin.node for it in nodes}) != 1:
            return graph
        node = nodes[0].origin
        if len(nodes) > 1:  # tasks of one node
            return replace(graph, node=node.node, name=node.node)
        tools = [it for it in self._open.values() if it.call and it.held is None]
        inside = [it.fields["tool_call_id"] for it in tools if node.run_id in it.origin.parent_ids]
        own = self.scopes.around([f":{node.run_id}"]).tool_call_id
        call = inside[0] if len(inside) == 1 else own or node.tool_call_id
        return replace(node, tool_call_id=call)

    # --- whole messages

    def whole_message(self, value: object, origin: Origin, *, cached: bool = False) -> None:
        """Show a message that came whole: its own events, a tool's result, or an addition.

        One that is ``cached`` was paid for by an earlier run: its tokens are none of this one's.
        """
        kind, fields, seen = kind_of(value), fields_of(value), self.seen
        if is_removal(value):
            id = id_of(value)
            # After `__remove_all__` the node's update, or the state, shows which messages stay.
            if id and id != REMOVE_ALL:
                self.write(origin, [ChannelWrite("", [], [id], is_whole=False)])
            return
        self.close_superseded(value, origin)
        comparison = seen.compare(value, origin)
        if comparison == "changed" and not self.is_late:
            self.replace_message(value, origin)
        if comparison != "unseen":
            return
        is_answer = kind in {"ai", "chunk"}
        copied = seen.duplicates.copied_from(fields, origin) if is_answer else None
        seen.record_whole(value, copied)
        if kind == "tool":
            self._tool_message(value, origin)
        elif is_answer and not copied:
            is_paid = cached or id_of(value) in seen.internal_ids
            fields = {**fields, "usage_metadata": None} if is_paid else fields
            seen.record_whole(value, self._whole_answer(fields, origin))
        elif not is_answer:
            self.show(MessageAdded, origin, message=value)
        seen.duplicates.record_nameless(value, origin, seen.id_of_nameless(value) or "")

    def write(
        self, origin: Origin, writes: Iterable[ChannelWrite], *, cached: bool = False
    ) -> None:
        """Show what a write changes: messages that are removed, replaced, or not shown yet."""
        for write in writes:
            for gone in () if self.is_late else self.seen.release(origin.namespace, write):
                fields = {"message_id": gone.id, "tool_call_id": gone.tool_call_id}
                self.show(MessageRemoved, origin, **fields)
            for message in write.messages:
                self.whole_message(message, origin, cached=cached)
            self.seen.expect_ids(write.spelled_without_id)
            self.seen.hold(origin.namespace, write)

    def close_superseded(self, value: object, origin: Origin) -> None:
        """End the open message that a whole one repeats, or that a tool's message answers.

        A model in another graph may be writing a call with the same id.
        """
        repeated = self.messages.named(id_of(value))
        if repeated:
            self.leave_message(repeated)
        tool_call_id = call_id_of(value)
        for asking in self.messages if tool_call_id else ():
            is_here = asking.origin.namespace == origin.namespace
            if is_here and any(call.given_id == tool_call_id for call in asking.calls):
                self.leave_message(asking)

    def _whole_answer(self, fields: Fields, origin: Origin) -> str:
        """Show an answer that came whole, and return the id that it has in our events."""
        message = self.start_message("whole", origin, fields.get("id"), name=fields.get("name"))
        try:
            message.add_whole(fields)
        finally:
            self.end_message("whole")
        return message.message_id

    # --- retrievals

    def start_retrieval(self, key: str, origin: Origin, name: str, query: object) -> None:
        """Open a retrieval."""
        self._begin(key, Bracket(RetrievalEnd, origin, retrieval_id=key, name=name))
        self.show(RetrievalStart, origin, retrieval_id=key, name=name, query=query)

    def end_retrieval(
        self,
        key: str,
        documents: Iterable[object],
        status: Status = "completed",
        error: ErrorInfo | None = None,
    ) -> None:
        """Close a retrieval with what it found, or what it raised."""
        self._end(key, status, documents=tuple(documents), error=error)

    # --- things without a length

    def state_update(
        self, origin: Origin, node: str, values: object, *, cached: bool = False
    ) -> None:
        """Show what a node wrote, after the messages it holds that were not shown yet.

        It is ``cached`` if an earlier run wrote it.
        """
        self.write(origin, channel_writes(values), cached=cached)
        self.seen.duplicates.end_task(origin)
        self.show(StateUpdate, origin, node=node, values=values, cached=cached)

    def interrupt(
        self, origin: Origin, interrupt_id: str, value: object = None, **details: Any
    ) -> None:
        """Show a pause, once."""
        # LangGraph repeats an interrupt in each graph around it, and in the state.
        self.interrupted = True
        if interrupt_id in self.seen.interrupt_ids:
            return
        self.seen.interrupt_ids.add(interrupt_id)
        call = self.seen.tool_waiting(interrupt_id, value)
        fields = {"interrupt_id": interrupt_id, "value": value, "tool_call_id": call}
        self.show(Interrupt, origin, **fields, **details)
