"""The callback handler: it notes what happens to which run, and does nothing else.

Its notes are the dicts that ``astream_events`` version 2 makes, with what those leave out: an
``on_*_error`` for every kind of run, the id of a tool's call where LangChain reports it, and when
it was. Only a piece of a model's answer is noted as that and no more, since there are so many.
`streamkit.dialects.callbacks` reads them.

Laws of this file:

1. A note is made inline, in the thread and at the moment of the callback, and given away at once.
   It holds what a state's lists hold at that moment.
2. Nothing of the caller's is changed: no config, no list of callbacks, no manager.
3. A run below one that was not reported to the handler is a root.

This module imports LangChain, so it is imported only when a handler is made.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar, Token
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables.config import (
    RunnableConfig,
    ensure_config,
    var_child_runnable_config,
)
from langchain_core.tracers._streaming import (
    _StreamingCallbackHandler,  # pyright: ignore[reportPrivateUsage]  # as LangGraph does
)
from msgspec import Struct

from .._core.origin import is_node
from .._fields import dict_or_empty, items_of, shown
from ..dialects.callbacks import Note, Piece, Yielded
from ..errors import UsageError
from ..events import (
    Event,
    MessageAdded,
    MessageReplaced,
    MessageStart,
    StepDelta,
    StepStart,
)
from .options import PIECES

if TYPE_CHECKING:
    from langchain_core.outputs import LLMResult

T = TypeVar("T")

Post = Callable[[dict[str, Any], Note], None]
"""A function of the fields that all notes on a run have, such as ``run_id``, and of a note."""


_NOT_OURS = object()


class _Run(Struct):
    """The common part of all notes on one run, and whether anybody wants them."""

    kind: str
    fields: dict[str, Any]
    is_noted: bool
    writer: Token[Any] | None = None


class Recorder(BaseCallbackHandler):
    """Notes every callback.

    Args:
        post: takes each note, in the thread of the callback.
        wanted: the classes of events that the notes are wanted for.
        clock: gives the notes' timestamps.
        input: what the root is called with, where the call is ours. LangChain does not tell it of
            a streaming chain; and what the root streams need not be noted, for it is read anyway.
    """

    run_inline = True

    def __init__(
        self,
        post: Post,
        wanted: frozenset[type[Event]],
        clock: Callable[[], float],
        input: object = _NOT_OURS,
    ) -> None:
        self._post = post
        self._clock = clock
        self._input = input
        self._notes_steps = StepStart in wanted
        self._notes_outputs = StepDelta in wanted
        self._notes_roots = input is _NOT_OURS
        self._notes_tokens = not wanted.isdisjoint(PIECES)
        # By the numbers of their UUIDs: a number is hashed in C, a UUID in Python.
        self._runs: dict[int, _Run] = {}

    # --- notes

    def _start(  # noqa: PLR0913  (LangChain's own parameters)
        self,
        kind: str,
        data: dict[str, Any],
        serialized: Mapping[str, Any] | None,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        name: str | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **_: Any,
    ) -> None:
        above = self._above(parent_run_id)
        fields: dict[str, Any] = {
            "name": name or _name_in(serialized or {}),
            "run_id": str(run_id),
            "parent_ids": [*above.fields["parent_ids"], above.fields["run_id"]] if above else [],
            "tags": tags or [],
            "metadata": metadata or {},
        }
        is_noted = self._notes_steps or kind not in _STEPS or above is None or is_node(fields)
        run = _Run(kind, fields, is_noted)
        if kind == "tool":
            run.writer = self._set_writer(run)
        self._runs[run_id.int] = run
        self._note(run, "start", data)

    def _above(self, parent_run_id: UUID | None) -> _Run | None:
        # `RunnableWithFallbacks.invoke` (langchain-core up to 1.8) passes its own config on, so its
        # attempts have no parent but in the context.
        parent_run_id = parent_run_id or _parent_in_context()
        return self._runs.get(parent_run_id.int) if parent_run_id else None

    def _note(self, run: _Run, verb: str, data: dict[str, Any]) -> None:
        if run.is_noted:
            event, now = f"on_{run.kind}_{verb}", self._clock()
            self._post(run.fields, {"event": event, "timestamp": now, "data": data, **run.fields})

    def _end(self, run_id: UUID, verb: str, data: dict[str, Any]) -> None:
        run = self._runs.pop(run_id.int, None)
        if run is None:
            return
        if run.writer:
            with suppress(ValueError):  # it ends in another context, which has its own value
                run.writer.var.reset(run.writer)
        self._note(run, verb, data)

    def _set_writer(self, run: _Run) -> Token[Any] | None:
        """Receive what a tool writes by ``runtime.emit_output_delta``, where LangGraph has that."""
        # LangGraph's own `tools` mode for this is a handler, too, which would wrap the outputs of
        # steps in place of this one.
        module = sys.modules.get("langgraph.pregel._tools")  # langgraph 1.2 and later, if imported
        variable: ContextVar[Any] | None = getattr(module, "_tool_call_writer", None)
        if variable is None:
            return None

        def write(delta: object) -> None:
            self._note(run, "stream", {"chunk": delta})

        return variable.set(write)

    def note_pushed(self, namespace: tuple[str, ...], message: Any, metadata: Any) -> None:
        """Note a message that a node pushed to the stream while it runs."""
        about = {"metadata": metadata, "parent_ids": [""]}
        self._post(about, Yielded((namespace, "messages", (message, metadata))))

    def run_ids(self, run_id: UUID) -> list[str]:
        """Return the ids of the runs around a run that goes on, and its own; or none."""
        run = self._runs.get(run_id.int)
        return [*run.fields["parent_ids"], run.fields["run_id"]] if run else []

    # --- chains

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_type: str | None = None,
        **about: Any,
    ) -> None:
        """Note a start; a step that reads a stream does not know its input yet."""
        data: dict[str, Any] = {"input": _with_own_lists(inputs)}
        if _is_unknown(inputs):
            is_ours = self._input is not _NOT_OURS and not self._above(about.get("parent_run_id"))
            data = {"input": self._input} if is_ours else {}
        self._start(run_type or "chain", data, serialized, **about)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        """Note an end."""
        self._end(run_id, "end", {"output": _with_own_lists(outputs)})

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Note a failure, an interrupt, or that it was cancelled."""
        self._end(run_id, "error", {"error": error})

    on_llm_error = on_tool_error = on_retriever_error = on_chain_error

    # --- models

    def on_chat_model_start(
        self, serialized: dict[str, Any] | None, messages: list[list[Any]], **about: Any
    ) -> None:
        """Note a start."""
        self._start("chat_model", {"input": {"messages": messages}}, serialized, **about)

    def on_llm_start(
        self, serialized: dict[str, Any] | None, prompts: list[str], **about: Any
    ) -> None:
        """Note the start of a completion model."""
        self._start("llm", {"input": {"prompts": prompts}}, serialized, **about)

    def on_llm_new_token(
        self,
        token: Any,
        *,
        chunk: Any = None,
        run_id: UUID,
        # Named, for a dict of what is not used would be made for each token.
        parent_run_id: UUID | None = None,  # noqa: ARG002
        tags: list[str] | None = None,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Note a piece of an answer."""
        run = self._runs.get(run_id.int)
        if run is None or not self._notes_tokens:
            return
        if run.kind == "chat_model":
            piece = chunk.message if chunk else AIMessageChunk(content=token)
        else:
            piece = chunk or token
        self._post(run.fields, Piece(run.fields, piece, self._clock()))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **_: Any) -> None:
        """Note an end: with the message or, of a completion model, the whole result."""
        run = self._runs.get(run_id.int)
        is_chat = run is not None and run.kind == "chat_model"
        self._end(run_id, "end", {"output": _message_in(response) if is_chat else response})

    # --- tools

    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        inputs: dict[str, Any] | None = None,
        tool_call_id: str | None = None,
        **about: Any,
    ) -> None:
        """Note a start. LangChain reports the call's id from langchain-core 1.2 on."""
        data: dict[str, Any] = {"input": input_str if inputs is None else inputs}
        if tool_call_id:
            data["tool_call_id"] = tool_call_id
        self._start("tool", data, serialized, **about)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        """Note an end."""
        self._end(run_id, "end", {"output": output})

    # --- retrievers

    def on_retriever_start(
        self, serialized: dict[str, Any] | None, query: str, **about: Any
    ) -> None:
        """Note a start."""
        self._start("retriever", {"input": {"query": query}}, serialized, **about)

    def on_retriever_end(self, documents: Sequence[Any], *, run_id: UUID, **_: Any) -> None:
        """Note what was found."""
        self._end(run_id, "end", {"output": documents})

    # --- the application's own

    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **about: Any) -> None:
        """Note what ``dispatch_custom_event`` was given."""
        around = self._runs.get(run_id.int)
        note: dict[str, Any] = {
            "event": "on_custom_event",
            "timestamp": self._clock(),
            "data": data,
            "name": name,
            "run_id": str(run_id),
            "parent_ids": around.fields["parent_ids"] if around else [],
            "tags": about.get("tags") or [],
            "metadata": about.get("metadata") or {},
        }
        self._post(note, note)


class StreamingRecorder(Recorder, _StreamingCallbackHandler):  # type: ignore[type-arg]  # 0.3.40 has no parameter
    """A recorder whose presence makes models stream, also where they are invoked.

    A streaming chain lets it tap what its steps put out. A graph's nodes are not tapped: what a
    node returns is noted when it ends.
    """

    def tap_output_aiter(self, run_id: UUID, output: AsyncIterator[T]) -> AsyncIterator[T]:
        """Note an async step's chunks as they pass."""
        run = self._noted_run(run_id)
        return self._note_async_chunks(run, output) if run else output

    def tap_output_iter(self, run_id: UUID, output: Iterator[T]) -> Iterator[T]:
        """Note a step's chunks as they pass."""
        run = self._noted_run(run_id)
        return self._note_chunks(run, output) if run else output

    def _noted_run(self, run_id: UUID) -> _Run | None:
        run = self._runs.get(run_id.int)
        if run is None or not self._notes_outputs or run.kind not in _STEPS:
            return None
        is_noted = bool(run.fields["parent_ids"]) or self._notes_roots
        return run if is_noted and not is_node(run.fields) else None

    async def _note_async_chunks(self, run: _Run, output: AsyncIterator[T]) -> AsyncIterator[T]:
        async for chunk in output:
            self._note(run, "stream", {"chunk": chunk})
            yield chunk

    def _note_chunks(self, run: _Run, output: Iterator[T]) -> Iterator[T]:
        for chunk in output:
            self._note(run, "stream", {"chunk": chunk})
            yield chunk


_STEPS = frozenset({"chain", "prompt", "parser"})


def _name_in(serialized: Mapping[str, Any]) -> str:
    name: str = serialized.get("name") or ["Unnamed", *serialized.get("id", ())][-1]
    return name


def _is_unknown(inputs: object) -> bool:
    """Return whether this is LangChain's placeholder for a streamed input, ``{"input": ""}``."""
    given = dict_or_empty(inputs)
    return len(given) == 1 and isinstance(given.get("input"), str) and not given["input"]


def _with_own_lists(values: object) -> object:
    """Return a state whose lists stay as they are now: nodes may add to those they are given.

    langgraph-supervisor (0.0.31) adds to the list of messages that an agent's last node was given.
    """
    cls: Any = type(values)
    if cls is not dict:
        return values
    state = dict_or_empty(values)
    return {name: items_of(it) if issubclass(type(it), list) else it for name, it in state.items()}


def _parent_in_context() -> UUID | None:
    """Return the run inside which LangChain runs this code, if there is one."""
    config = var_child_runnable_config.get()
    return getattr(config.get("callbacks"), "parent_run_id", None) if config else None


def _message_in(response: LLMResult) -> Any:
    first: Any = next((it[0] for it in response.generations if it), None)
    return first.message if first else None


def recorder_for(post: Post, wanted: frozenset[type[Event]], *args: Any) -> Recorder:
    """Return a recorder: one that makes models stream, if these events need that."""
    streams = StepDelta in wanted or not wanted.isdisjoint(PIECES)
    return (StreamingRecorder if streams else Recorder)(post, wanted, *args)


def graph_handlers(
    post: Post, wanted: frozenset[type[Event]], *args: Any
) -> tuple[Recorder, Sequence[BaseCallbackHandler]]:
    """Return the recorder of a graph's call, and all the handlers that the call needs.

    LangGraph passes what a node pushes with ``push_message`` to each handler that is a
    ``StreamMessagesHandler``, and to nothing else (langgraph 0.3 to 1.2). Each handler costs time
    for every token, so the recorder is one itself where it can be: for the sake of such a handler
    alone, LangGraph does not stream the steps inside nodes.
    """
    if wanted.isdisjoint(_PUSHED):
        recorder = recorder_for(post, wanted, *args)
        return recorder, [recorder]
    if StepDelta not in wanted:
        recorder = _push_class(StreamingRecorder)(post, wanted, *args)
        return recorder, [recorder]
    recorder = StreamingRecorder(post, wanted, *args)
    return recorder, [recorder, _push_class(_PushHandler)(recorder)]


_PUSHED: frozenset[type[Event]] = PIECES | {MessageStart, MessageAdded, MessageReplaced}
"""The classes of events that a pushed message may become."""


class _PushHandler(BaseCallbackHandler):
    """Has a recorder note what nodes push, and ignores all else."""

    def __init__(self, recorder: StreamingRecorder) -> None:
        self.note_pushed = recorder.note_pushed
        # LangChain has only one handler tap a step: any of them, for it keeps them in a set.
        self.tap_output_iter = recorder.tap_output_iter
        self.tap_output_aiter = recorder.tap_output_aiter


for _part in ("llm", "chat_model", "chain", "agent", "retriever", "custom_event", "retry"):
    setattr(_PushHandler, f"ignore_{_part}", True)


@cache
def _push_class(base: type[Any]) -> Any:
    """Return the class that LangGraph takes for a ``StreamMessagesHandler``, too."""
    try:
        module: Any = import_module("langgraph.pregel._messages")
    except ImportError:  # before langgraph 0.6
        module = import_module("langgraph.pregel.messages")

    def _emit(self: Any, meta: Any, message: Any, **_: Any) -> None:
        self.note_pushed(meta[0], message, meta[1])

    fields = {"_emit": _emit, "subgraphs": True, "parent_ns": None}
    return type(base.__name__, (base, module.StreamMessagesHandler), fields)


def with_handlers(
    config: RunnableConfig | None,
    handlers: Sequence[BaseCallbackHandler],
    bound: RunnableConfig | None = None,
) -> RunnableConfig:
    """Return the config with more handlers.

    Callbacks of the config would keep those of a run around this call from being called, and those
    bound to a graph. So where the config has none of its own, they are what is added to.
    """
    given: RunnableConfig = config or {}
    callbacks: Any = given.get("callbacks")
    if callbacks is None or (bound is not None and callbacks == []):
        callbacks = (bound or {}).get("callbacks") or ensure_config().get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        callbacks = callbacks.copy()
        for handler in handlers:
            callbacks.add_handler(handler, inherit=True)
    elif callbacks is None or isinstance(callbacks, list):
        callbacks = [*(callbacks or ()), *handlers]
    else:
        raise UsageError(
            f"callbacks must be a list or a callback manager, not {shown(callbacks, 80)}"
        )
    out: RunnableConfig = {**given, "callbacks": callbacks}
    if "metadata" in given:  # older versions of LangGraph write the thread into the caller's own
        out["metadata"] = {**given["metadata"]}
    return out
