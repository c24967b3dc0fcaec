"""The requests of LangChain's agent streaming protocol: today's ``useStream`` before a graph.

    runs = Runs(agent_protocol)
    app = Starlette(routes=agent_protocol_routes(graph, runs))

A client sends commands, and opens streams of a thread's events that stay open from run to run. Each
run is one of `Runs`, under the thread's name; a stream sends the last run, and then the next ones.

Laws of this module:

1. Nothing of a thread is read or changed before ``authorize`` has seen the request.
2. A client may start a run, answer what the graph asked, and stop a run. It may not jump in the
   graph, nor write past its nodes, nor choose more of the config than a checkpoint of its thread.
3. One run of a thread goes on at a time: a new question stops the one before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from inspect import isawaitable
from time import monotonic, time_ns
from typing import Any, TypeAlias

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .._call import astream
from .._fields import configurable_of, dict_or_empty, interrupt_id
from ..errors import BadRequest, UsageError
from ..events import StateSnapshot
from ..wire import agent_protocol
from ..wire._blocks import as_list
from ..wire._continuing import settled
from ..wire._plain_json import dump_plain
from ..wire._redact import redactor
from ..wire._request_body import converted, json_object
from ..wire._thread import events_of_message
from ..wire.resume import payloads
from ._thread_streams import Filter, ThreadStreams
from .requests import MAX_BODY, read_body
from .runs import Runs

Authorize: TypeAlias = Callable[[Request, str], "bool | Awaitable[bool]"]
"""A function that returns whether a request may use a thread."""

Configure: TypeAlias = Callable[[Request, dict[str, Any]], "Mapping[str, Any] | Awaitable[Any]"]
"""A function from a request and the config that the client sent to the config of the run."""

WAIT_FOR_END = 5.0
"""Seconds that a command waits for the end of the run before it."""

SETTLE = 0.3
"""Seconds to wait for a run that may be about to end: clients may act on its last event at once."""

MAX_ID = 256
"""The most characters in the id of a thread or a checkpoint."""

MAX_HISTORY = 100
"""The most states of a thread's history in one response."""

_OLD_ID = "interrupt_id"
"""The name of an interrupt's id in LangGraph 0.4 and 0.5; versions before know answers by no id."""

_CODES = {403: "permission_denied", 404: "no_such_run", 501: "not_supported"}


def agent_protocol_routes(
    graph: Any,
    runs: Runs | None = None,
    *,
    authorize: Authorize | None = None,
    configure: Configure | None = None,
    private: bool = False,
) -> list[Route]:
    """Return the routes that ``useStream`` of ``@langchain/react`` 1 calls, for one graph.

    They answer under ``threads/…``: mount them where the client's ``apiUrl`` points.

    Args:
        graph: a graph with a checkpointer, which keeps its threads.
        runs: ``Runs(agent_protocol)``, with their store and limits; by default runs in this
            process.
        authorize: called with the request and the id of the thread before anything else, and may be
            async; where it returns False, there is no such thread. Without it, the id is enough.
        configure: called with the request and the config that the client sent; returns the config
            of the run, such as the user's id. Without it, the client's is ignored.
        private: also send what otherwise stays in the process, such as exception texts.

    Raises:
        UsageError: the graph has no checkpointer, or the runs have another format.

    >>> from langgraph.checkpoint.memory import InMemorySaver
    >>> from langgraph.graph import START, MessagesState, StateGraph
    >>> builder = StateGraph(MessagesState).add_node("reply", print).add_edge(START, "reply")
    >>> graph = builder.compile(checkpointer=InMemorySaver())
    >>> [route.path for route in agent_protocol_routes(graph)][:2]
    ['/threads/{thread_id}/commands', '/threads/{thread_id}/stream/events']
    """
    if not getattr(graph, "checkpointer", None):
        raise UsageError("threads need a checkpointer: builder.compile(checkpointer=...)")
    runs = runs or Runs(agent_protocol)
    if runs.format != agent_protocol.__name__:
        raise UsageError("these runs have another format; pass Runs(agent_protocol)")
    threads = _Threads(graph, runs, authorize, configure, private=private)
    return [
        threads.route("POST", "commands", threads.command),
        threads.route("POST", "stream/events", threads.stream),
        threads.route("GET", "state", threads.state),
        threads.route("POST", "history", threads.history),
        threads.route("GET", "runs", threads.running),
        threads.route("POST", "runs/{run_id}/cancel", threads.cancel),
    ]


class _Command(msgspec.Struct):
    id: int
    method: str
    params: dict[str, Any] = {}


class _Start(msgspec.Struct, rename="camel"):
    input: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    multitask_strategy: str | None = None


class _Answer(msgspec.Struct):
    interrupt_id: str
    response: Any = None


class _Answers(msgspec.Struct):
    responses: list[_Answer]
    config: dict[str, Any] | None = None
    update: Any = None
    goto: Any = None


class _History(msgspec.Struct):
    limit: int = 10
    before: Any = None
    checkpoint: dict[str, Any] | None = None


class _Threads:
    """The threads of a graph, as the client's requests see them."""

    def __init__(
        self,
        graph: Any,
        runs: Runs,
        authorize: Authorize | None,
        configure: Configure | None,
        *,
        private: bool,
    ) -> None:
        self._runs = runs
        self._graph = graph
        self._authorize = authorize
        self._configure = configure
        self._private = private
        self._streams = ThreadStreams(runs)

    def route(
        self, method: str, path: str, endpoint: Callable[[Request, str], Awaitable[Response]]
    ) -> Route:
        """Return a route to an endpoint that is called once the request is authorized."""
        answer = partial(self._answer, endpoint)
        return Route(f"/threads/{{thread_id}}/{path}", answer, methods=[method], name=path)

    async def _answer(
        self, endpoint: Callable[[Request, str], Awaitable[Response]], request: Request
    ) -> Response:
        thread = request.path_params["thread_id"]
        try:
            await self._check(request, thread)
            return await endpoint(request, thread)
        except BadRequest as error:
            code = _CODES.get(error.status, "invalid_argument")
            about = {"type": "error", "id": None, "error": code, "message": str(error)}
            return _json(about, error.status)

    async def _check(self, request: Request, thread: str) -> None:
        _require_id(thread)
        allowed = self._authorize(request, thread) if self._authorize else True
        if not (await allowed if isawaitable(allowed) else allowed):
            raise BadRequest("no such thread", 404)

    # --- endpoints

    async def command(self, request: Request, thread: str) -> Response:
        """Start a run, or answer what the graph asked."""
        command = await _read(request, _Command)
        if command.method == "run.start":
            result = await self._start(request, thread, _as(command.params, _Start))
        elif command.method == "input.respond":
            given = command.params
            answers = given if "responses" in given else {**given, "responses": [given]}
            result = await self._respond(request, thread, _as(answers, _Answers))
        else:
            raise BadRequest(f"no command {command.method[:40]!r} here", 501)
        return _json({"type": "success", "id": command.id, **result})

    async def stream(self, request: Request, thread: str) -> Response:
        """Return the events of a thread: of the last run, and then of the next ones."""
        wanted = await _read(request, Filter, max_bytes=2**16)
        return self._streams.response(thread, wanted, request)

    async def state(self, request: Request, thread: str) -> Response:  # noqa: ARG002
        """Return the newest state.

        While a run goes on, its thread counts as busy also where no checkpoint says so yet, and
        what the graph asked before that run is answered.
        """
        is_running = await self._runs.current(thread) is not None
        found = await self._state_of(_config(thread))
        if is_running and (not found.next or any(it.interrupts for it in found.tasks)):
            is_running = not await self._has_ended(thread, SETTLE)
            found = await self._state_of(_config(thread))
        if not (found.created_at or is_running):
            raise BadRequest("no such thread", 404)
        return _json(self._form(found, is_running=is_running))

    async def history(self, request: Request, thread: str) -> Response:
        """Return the states of a thread or of one of its subgraphs, the newest first."""
        asked = await _read(request, _History)
        # langgraph-sdk 1.15.0 joins the names of a namespace with NUL, and LangGraph with `|`.
        within = str(dict_or_empty(asked.checkpoint).get("checkpoint_ns") or "").replace("\0", "|")
        before = configurable_of(asked.before).get("checkpoint_id")
        limit = max(1, min(asked.limit, MAX_HISTORY))
        states: AsyncIterator[Any] = self._graph.aget_state_history(
            _config(thread, checkpoint_ns=within),
            before=_config(thread, checkpoint_id=before) if isinstance(before, str) else None,
            limit=limit,
        )
        try:
            return _json([self._form(it) async for it in states])
        except ValueError:  # of langgraph 0.3, which does not know the subgraph; 1.2 has no states
            return _json([])

    async def running(self, request: Request, thread: str) -> Response:  # noqa: ARG002
        """Return the run that goes on: after a reload the client does not know its id."""
        id = await self._runs.current(thread)
        about = {"run_id": id, "thread_id": thread, "status": "running"}
        return _json([about] if id else [])

    async def cancel(self, request: Request, thread: str) -> Response:
        """Stop a run of a thread."""
        run_id = request.path_params["run_id"]
        if await self._runs.named(thread) != run_id:
            raise BadRequest("no such run, or it is over and forgotten", 404)
        if await self._runs.current(thread) == run_id:
            await self._runs.stop(run_id, request)
        return Response(status_code=204)

    # --- commands

    async def _start(self, request: Request, thread: str, asked: _Start) -> dict[str, Any]:
        given = configurable_of(asked.config)
        checkpoint = _as(given.get("checkpoint_id"), str | None)
        if checkpoint is not None:
            found = await self._state_of(_config(thread, checkpoint_id=checkpoint))
            if not found.created_at:
                raise BadRequest("no such checkpoint in this thread", 404)
        running = await self._runs.current(thread)
        replaces = asked.multitask_strategy not in {"reject", "enqueue"}
        # LangGraph has no lock on a thread: two runs at once would mix their checkpoints.
        if running and replaces:
            await self._runs.stop(running, request)
        if not await self._has_ended(thread, WAIT_FOR_END if replaces else SETTLE):
            raise BadRequest("a run of this thread is going on", 409)
        given = await self._settled(asked.input, thread, checkpoint)
        return await self._run(request, thread, given, asked.config, checkpoint)

    async def _settled(self, given: Any, thread: str, checkpoint: str | None) -> Any:
        """Return an input, with results in front of it for calls that a stop left without."""
        ids = {} if checkpoint is None else {"checkpoint_id": checkpoint}
        try:
            return settled(given, await self._state_of(_config(thread, **ids)))
        except BadRequest:  # this input takes the place of one that cannot be read
            return given

    async def _respond(self, request: Request, thread: str, asked: _Answers) -> dict[str, Any]:
        from langgraph.types import Command, Interrupt  # noqa: PLC0415  (only who has it gets here)

        if asked.update is not None or asked.goto is not None:
            raise BadRequest("an answer may only resume, not update or goto", 403)
        if not await self._has_ended(thread, WAIT_FOR_END):
            raise BadRequest("a run of this thread is going on", 409)
        state = await self._state_of(_config(thread))
        pending = {interrupt_id(it) for task in state.tasks for it in task.interrupts}
        answers = {it.interrupt_id: it.response for it in asked.responses}
        if not answers or answers.keys() - pending:
            raise BadRequest("the graph does not ask that", 404)
        # LangGraph takes answers by id from 0.4 on, and a single answer in all versions.
        resume = asked.responses[0].response if len(pending) == 1 else answers
        has_ids = hasattr(Interrupt, "id") or hasattr(Interrupt, _OLD_ID)
        if resume is answers and not has_ids:
            raise BadRequest("answers to several questions need langgraph 0.4", 501)
        return await self._run(request, thread, Command(resume=resume), asked.config)

    async def _run(
        self,
        request: Request,
        thread: str,
        given: Any,
        sent: dict[str, Any] | None,
        checkpoint: str | None = None,
    ) -> dict[str, Any]:
        made: Any = self._configure(request, sent or {}) if self._configure else {}
        config: dict[str, Any] = {**((await made if isawaitable(made) else made) or {})}
        ids: dict[str, str] = {} if checkpoint is None else {"checkpoint_id": checkpoint}
        config["configurable"] = configurable_of(config) | _config(thread, **ids)["configurable"]
        after = time_ns() // 1000
        options: dict[str, Any] = {"after": after, "is_fork": bool(ids), "private": self._private}
        events = astream(self._graph, given, config, on_error="event")  # type: ignore[arg-type]
        run_id = await self._runs.start(events, name=thread, **options)
        self._streams.wake(thread)
        # Up to this number, events are a replay for the client; those behind it, its new run.
        return {"result": {"run_id": run_id}, "meta": {"applied_through_seq": after}}

    async def _has_ended(self, thread: str, seconds: float) -> bool:
        """Wait until no run of a thread goes on; return whether that came to be."""
        end = monotonic() + seconds
        while await self._runs.current(thread):
            if monotonic() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    # --- states

    async def _state_of(self, config: dict[str, Any]) -> Any:
        """Return a state.

        LangGraph 1.2 keeps an input that its reducers refuse, such as a message without content,
        and raises the same error whenever the state is read, until the next input.
        """
        try:
            return await self._graph.aget_state(config)
        except (ValueError, TypeError, NotImplementedError):
            raise BadRequest("the last input of this thread cannot be read", 422) from None

    def _form(self, state: Any, *, is_running: bool = False) -> dict[str, Any]:
        """Return a state as JSON data, without what stays in the process.

        Answers that are more than a text have the blocks that a live run writes: the client knows
        reasoning only as a block.
        """
        metadata = dict_or_empty(state.metadata)
        return {
            "values": self._values(state.values),
            # Where `next` is empty and nothing is asked, the client opens no stream.
            "next": list(state.next) or (["__start__"] if is_running else []),
            "tasks": [self._task(it, is_running=is_running) for it in state.tasks],
            "metadata": {name: metadata[name] for name in ("step", "source") if name in metadata},
            "created_at": state.created_at,
            "checkpoint": _ids(state.config),
            "parent_checkpoint": _ids(state.parent_config),
        }

    def _task(self, task: Any, *, is_running: bool) -> dict[str, Any]:
        asked: tuple[Any, ...] = () if is_running else task.interrupts
        return {
            "id": task.id,
            "name": task.name,
            "path": self._plain(task.path),
            "interrupts": [
                {"id": interrupt_id(it), "value": self._plain(it.value)} for it in asked
            ],
            "checkpoint": _ids(task.state),
            "result": self._plain(getattr(task, "result", None)),
        }

    def _values(self, values: Any) -> Any:
        plain = self._plain(values)
        pairs = zip(
            *(as_list(dict_or_empty(it).get("messages")) for it in (values, plain)), strict=False
        )
        for message, form in pairs:
            if getattr(message, "type", None) == "ai" and not _is_text_alone(message):
                fields = dict_or_empty(form)
                fields["content"] = self._blocks(message)
                # LangChain.js reads content as standard blocks only where a message says so.
                fields["response_metadata"] = {"output_version": "v1"}  # (of these blocks)
        return plain

    def _blocks(self, answer: Any) -> list[Any]:
        write = agent_protocol.Encoder(private=self._private)
        frames = [it for event in events_of_message(answer) for it in write.feed(event)]
        found = [it["params"]["data"] for it in payloads(frames)]
        return [it["content"] for it in found if it["event"] == "content-block-finish"]

    def _plain(self, value: Any) -> Any:
        redact = redactor(private=self._private, flat=True).event
        return redact(StateSnapshot(timestamp=0.0, values=value)).values


def _is_text_alone(answer: Any) -> bool:
    return isinstance(answer.content, str) and not answer.additional_kwargs


def _json(data: Any, status: int = 200) -> Response:
    return Response(dump_plain(data), status, media_type="application/json")


def _require_id(id: str) -> None:
    """Refuse what no checkpointer should be asked for, such as an id with a NUL."""
    if not (id.isprintable() and len(id) <= MAX_ID):
        raise BadRequest("an id has unprintable characters or is too long")


def _config(thread: str, **ids: str) -> dict[str, Any]:
    for id in ids.values():
        _require_id(id)
    return {"configurable": {"thread_id": thread, **ids}}


def _ids(config: object) -> dict[str, Any] | None:
    """Return what a client may know of the config of a checkpoint."""
    ids = configurable_of(config)
    names = ("thread_id", "checkpoint_ns", "checkpoint_id")
    return {name: ids[name] for name in names if name in ids} or None


async def _read(request: Request, kind: Any, max_bytes: int = MAX_BODY) -> Any:
    return _as(json_object(await read_body(request, max_bytes=max_bytes)), kind)


def _as(data: object, kind: Any) -> Any:
    return converted(data, kind, "the request does not fit")
