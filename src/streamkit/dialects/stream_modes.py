"""LangGraph's stream modes, whatever wraps them: labelled items, v3 envelopes, SDK parts.

Laws of this file:

1. A mode's payload means the same in every API, so it is read here and nowhere else.
2. Whatever repeats what was shown (``debug`` repeats ``tasks``, ``values`` repeats ``updates``)
   is recognized by its id and shown once.
3. The first ``values`` of a graph is where it starts from: its messages are history.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast, get_args

from .._core.assembly import Assembly
from .._core.json_message import JsonMessage
from .._core.kinds import call_id_of, fields_of, id_of
from .._core.metadata import names_in
from .._core.results import answers_in, error_info
from .._core.writes import ChannelWrite, channel_writes
from .._fields import configurable_of, dict_or_empty, required_text, shown
from .._namespaces import graph_around
from ..errors import MalformedItem
from ..events import Checkpoint, Custom, StateSnapshot
from ..values import ErrorInfo, Namespace, Origin, Status
from ._interrupts import show_interrupts
from ._run_record import sent_tool_call_id

Mode: TypeAlias = Literal[
    "values", "updates", "messages", "custom", "tasks", "checkpoints", "debug", "tools"
]
"""A graph's ``stream_mode``."""

MODES: tuple[str, ...] = get_args(Mode)
"""The stream modes of LangGraph that ``mode=`` takes."""


class ModePayloads:
    """The reader of the payloads of every mode.

    Args:
        assembly: takes what they mean.
        read_message: reads the one mode whose payloads differ from API to API.
        root: the path of the outermost graph.
        resume: what the run goes on with, if it is known to stream ``messages`` beside ``updates``.
    """

    def __init__(
        self,
        assembly: Assembly,
        read_message: Callable[[Any], None],
        *,
        root: Namespace = (),
        resume: object = None,
    ) -> None:
        self._assembly = assembly
        self._root = root
        self._resume = resume
        self._begun: set[Namespace] = set()
        self._cached: dict[tuple[Namespace, str], list[object]] = {}
        self._tools_by_run: dict[str, Hashable] = {}  # the keys of those without a call's id
        self._read_by_mode: dict[str, Callable[[Namespace, Any], None]] = {
            "values": self.values,
            "updates": self._updates,
            "messages": lambda _, payload: read_message(payload),
            "custom": self._custom,
            "tasks": self._tasks,
            "checkpoints": self._checkpoints,
            "debug": self._debug,
            "tools": self._tools,
        }

    def read(self, mode: str, namespace: Namespace, payload: object) -> None:
        """Read one payload of a mode into the assembly."""
        self._read_by_mode[mode](namespace, payload)

    def values(
        self, namespace: Namespace, payload: object, interrupts: Sequence[object] = ()
    ) -> None:
        """Read a state, and the interrupts that stand in it (or beside it)."""
        origin = self._assembly.scopes.origin(namespace)
        state = dict_or_empty(payload)
        if "__interrupt__" in state:  # langgraph 1.0 and later
            interrupts = state["__interrupt__"]
            payload = {key: value for key, value in state.items() if key != "__interrupt__"}
        # langgraph-api (0.16, `stream.py`) sends the update with an interrupt as `values`, if
        # `updates` was not asked for. Then there is no state in it.
        if payload or not interrupts:
            self._state(origin, payload, is_paused=bool(interrupts))
        if interrupts:
            show_interrupts(self._assembly, origin, interrupts)

    def _state(self, origin: Origin, state: object, *, is_paused: bool) -> None:
        self._show_changes(origin, state, is_paused=is_paused)
        if origin.namespace == self._root:
            self._assembly.output = state
        self._assembly.show(StateSnapshot, origin, values=state)

    def _show_changes(self, origin: Origin, state: object, *, is_paused: bool) -> None:
        """Show what a state holds and nothing else has shown, such as tools' results in v3.

        A message without an id looks like its own repetition, so it is shown in the state alone.
        A state with interrupts is the one before the step that paused, and changes nothing.
        """
        seen, writes = self._assembly.seen, [_identified(it) for it in channel_writes(state)]
        if origin.namespace not in self._begun:
            self._begun.add(origin.namespace)
            for write in writes:
                seen.mark_seen(write.messages, graph_around(origin.namespace))
        if is_paused:  # langgraph (1.0 to 1.2) leaves out what other tasks of the step wrote
            return
        self._assembly.write(origin, writes)
        if not self._assembly.is_late:
            self._assembly.release_tools(origin.namespace)
        seen.duplicates.end_superstep(origin.namespace)

    def _custom(self, namespace: Namespace, payload: object) -> None:
        self._assembly.show(Custom, self._assembly.origin_of_write(namespace), data=payload)

    def _updates(self, namespace: Namespace, payload: object) -> None:
        updates = dict_or_empty(payload)
        if not issubclass(type(payload), dict):  # LangGraph 0.3 has a class of its own
            raise MalformedItem(f"expected an update by node, got {shown(payload, 200)}", payload)
        cached = is_cached(updates)
        for node, values in writes_in(updates):
            if node == "__interrupt__":
                show_interrupts(self._assembly, self._assembly.scopes.origin(namespace), values)
            else:
                self._update(namespace, node, values, cached=cached)
        if not self._assembly.is_late:
            self._assembly.seen.duplicates.end_superstep(namespace)

    def _update(self, namespace: Namespace, node: str, values: object, *, cached: bool) -> None:
        origin = self._assembly.scopes.origin(namespace, node=node)
        for write in channel_writes(values):  # each by itself: `push_message` writes beside it
            for message in write.messages:
                self._assembly.close_superseded(message, origin)
            if self._resume is not None and not cached:  # no node ran for what was cached
                self._mark_asking(origin, write)
            # A state before it, or its node's input, was all the history there is.
            if not (self._assembly.is_late or namespace in self._begun):
                self._assembly.seen.mark_history(write.messages)
        self._assembly.state_update(origin, node, values, cached=cached)
        if cached:
            self._cached.setdefault((namespace, node), []).append(values)
            self._end_cached(namespace, node)

    def _mark_asking(self, origin: Origin, write: ChannelWrite) -> None:
        """Record the messages of the run before whose calls were asked about.

        `HumanInTheLoopMiddleware` (langchain 1.0 and later) returns such a message again when its
        run goes on, before anything else comes. A new one comes in ``messages`` mode first, except
        what was a dict, and what a ``Command`` hands to the graph around, such as a handoff that is
        answered already: LangGraph (up to 1.2) has no callback for that.
        """
        seen = self._assembly.seen
        answered = set(map(call_id_of, write.messages))
        for message in write.messages:
            id = id_of(message)
            calls = fields_of(message).get("tool_calls") or ()
            calls = [it for it in calls if it["id"] not in answered]
            was_dict = isinstance(message, JsonMessage) or any(
                it is message for it in write.spelled
            )
            if not (id and calls) or was_dict or seen.has_id(id):
                continue
            seen.mark_seen([message])
            seen.calls.expect(write.messages, origin.namespace)
            if any(it["args"] and _holds(self._resume, it["args"]) for it in calls):
                self._assembly.replace_message(message, origin)  # the answer has other arguments

    def _end_cached(self, namespace: Namespace, node: str) -> None:
        """End the tasks of a node that started and were cached, once no others are open."""
        # langgraph (1.2) sends no `tasks` result for a cached task; its update does not name it.
        outputs = self._cached.get((namespace, node), [])
        steps = self._assembly.open_steps(namespace, node) if outputs else []
        if len(steps) <= len(outputs):
            self._cached.pop((namespace, node), None)
            for step_id, output in zip(steps, outputs, strict=False):
                self._assembly.end_step(step_id, output)

    def _tasks(self, namespace: Namespace, payload: Mapping[str, Any]) -> None:
        # The id is that of the task in `langgraph_checkpoint_ns`, so it joins all modes.
        scopes = self._assembly.scopes
        id, node = required_text(payload, "id"), required_text(payload, "name")
        origin = scopes.origin(namespace, task_id=id, node=node)
        if "result" in payload or "error" in payload:
            self._task_end(origin, payload)
        elif not self._assembly.is_open(id):
            call = sent_tool_call_id(payload["input"])
            scopes.open((*namespace, f"{node}:{id}"), tool_call_id=call)
            self._assembly.seen.mark_input(namespace, payload["input"], payload.get("triggers"))
            self._begun.add(namespace)
            self._assembly.start_step(id, "node", origin, payload["input"])

    def _task_end(self, origin: Origin, payload: Mapping[str, Any]) -> None:
        error, interrupts = payload.get("error"), payload.get("interrupts") or ()
        if interrupts:
            show_interrupts(self._assembly, origin, interrupts)
        status: Status = "failed" if error else "interrupted" if interrupts else "completed"
        info = error_of(error) if error else None
        self._assembly.end_step(payload["id"], payload.get("result"), status, info)
        self._assembly.scopes.close(payload["id"])
        self._end_cached(origin.namespace, payload["name"])

    def _checkpoints(self, namespace: Namespace, payload: Mapping[str, Any]) -> None:
        if "config" not in payload:
            payload = _checkpoint_of(payload)
        place = configurable_of(payload["config"])
        if self._assembly.seen.is_repeated_checkpoint(place.get("checkpoint_id")):
            return  # `debug` mode repeats `checkpoints` mode
        names = ("config", "parent_config", "values", "metadata")
        fields = {name: payload.get(name) for name in names}
        following = names_in(payload.get("next"))
        origin = self._assembly.scopes.origin(namespace)
        self._assembly.show(Checkpoint, origin, next=following, **fields)

    def _debug(self, namespace: Namespace, payload: Mapping[str, Any]) -> None:
        # `debug` (langgraph 0.3 to 1.2) wraps the payloads of `tasks` and `checkpoints`.
        modes = {"task": "tasks", "task_result": "tasks", "checkpoint": "checkpoints"}
        self.read(modes[payload["type"]], namespace, payload["payload"])

    def _tools(self, namespace: Namespace, payload: Mapping[str, Any]) -> None:
        # A mode of langgraph 1.2, though not in its `StreamMode`.
        id = required_text(payload, "tool_call_id")
        match payload["event"]:
            case "tool-started":
                origin = self._assembly.scopes.origin(namespace)
                name, given = payload["tool_name"], payload.get("input")
                key, calls = object(), self._assembly.seen.calls
                call = calls.find(name, given, namespace)
                if call and not calls.find(name, given, namespace, id):
                    # langgraph (up to 1.2) puts the tool's run in the place of an id that is empty,
                    # or that a node does not pass on: `tool.invoke(call["args"])`.
                    self._tools_by_run[id], id = key, call.given_id
                self._assembly.start_tool(key, origin, id, name, given)
            case "tool-output-delta":
                key = self._running_tool(id, namespace, None)
                self._assembly.tool_delta(key, payload.get("delta"))
            case "tool-finished":
                output = payload.get("output")
                key = self._running_tool(id, namespace, output)
                # Its node's message follows where the source shows messages at all.
                hold = self._assembly.seen.has_messages
                self._assembly.end_tool(key, output, hold=hold)
            case "tool-error":
                key = self._running_tool(id, namespace, None)
                error = error_of(payload.get("message"))
                self._assembly.fail_tool(key, error, hold=self._assembly.seen.has_messages)
            case event:
                raise MalformedItem(f"no event of tools mode is named {event!r}", payload)

    def _running_tool(self, id: str, namespace: Namespace, output: object) -> Hashable:
        """Return the key of the tool run that an event is about: only a result has its name."""
        if id in self._tools_by_run:
            return self._tools_by_run[id]
        keys = self._assembly.running_tools(id, namespace)
        if len(keys) > 1:
            names = {fields.get("name") for fields in answers_in(output)}
            keys = [key for key in keys if self._assembly.name_of_tool(key) in names]
        if not keys:
            raise MalformedItem(f"no tool runs for call {id!r}, or several do", id)
        return keys[0]


def _identified(write: ChannelWrite) -> ChannelWrite:
    """Return what a state holds of a channel, as far as its messages have ids."""
    # A value without channels is the return value of an `@entrypoint`, and no state. Messages
    # without ids hide what is removed: `add_messages(format="langchain-openai")` drops all ids.
    messages = list(filter(id_of, write.messages))
    is_whole = bool(write.channel) and len(messages) == len(write.messages)
    return write._replace(messages=messages, is_whole=is_whole)


def _checkpoint_of(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """Return a v3 checkpoint in the form of `checkpoints` mode."""
    # langgraph-api (0.16) sends its envelope alone: ids, source and step, without values.
    id, parent = envelope["id"], envelope.get("parent_id")
    return {
        "config": {"configurable": {"checkpoint_id": id}},
        "parent_config": {"configurable": {"checkpoint_id": parent}} if parent else None,
        "metadata": {"source": envelope.get("source"), "step": envelope.get("step")},
    }


def is_cached(update: Mapping[str, Any]) -> bool:
    """Return whether an earlier run wrote it: a cached one, or one that paused or failed."""
    return bool(dict_or_empty(update.get("__metadata__")).get("cached"))


def writes_in(update: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what each node wrote."""
    # `__metadata__` stands beside the nodes; `{"cached": True}` in it marks a cached update.
    return [(node, values) for node, values in update.items() if node != "__metadata__"]


def _holds(value: object, args: object) -> bool:
    """Return whether the arguments of a call stand somewhere in a value."""
    if isinstance(value, (list, tuple)):
        return any(_holds(it, args) for it in cast("Sequence[object]", value))
    return value == args or any(_holds(it, args) for it in dict_or_empty(value).values())


def error_of(error: object, name: str = "ToolError") -> ErrorInfo:
    """Return what went wrong: the exception itself locally, its name and text from a server."""
    if isinstance(error, BaseException):
        return error_info(error)
    fields = dict_or_empty(error)
    if fields:
        return ErrorInfo(name=str(fields.get("error")), message=str(fields.get("message")))
    return ErrorInfo(name=name, message=str(error))
