"""Random items of graph streams: each is well shaped, and they come in any order."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

Path = tuple[str, ...]

NAMESPACES: list[Path] = [(), ("outer:t1",)]
NODES = ["agent", "outer"]
TASKS: dict[str, tuple[Path, str]] = {
    "t1": ((), "outer"),
    "t2": ((), "agent"),
    "t3": (("outer:t1",), "agent"),
    "t4": ((), "agent"),
}


def _metadata(task: str, step: int, **more: Any) -> dict[str, Any]:
    namespace, node = TASKS[task]
    path = "|".join((*namespace, f"{node}:{task}"))
    place = {"langgraph_node": node, "langgraph_step": step, "langgraph_checkpoint_ns": path}
    return {**place, "thread_id": "thread", **more}


# The same objects again and again, as LangGraph hands out one for all chunks of a run.
_STEPS = [("t1", 1), ("t2", 1), ("t3", 1), ("t4", 2)]
MODELS = [_metadata(task, step, ls_model_type="chat") for task, step in _STEPS]
MADE = [_metadata(task, step) for task, step in _STEPS]

MESSAGE_IDS = st.sampled_from(["m1", "m2", "lc_run--1", None])
CALL_IDS = st.sampled_from(["c1", "c2"])
TEXTS = st.sampled_from(["", "a", "b", "ab"])
CALLS = st.builds(
    lambda call, name: {"name": name, "args": {"x": 1}, "id": call, "type": "tool_call"},
    CALL_IDS,
    st.sampled_from(["look", "find"]),
)
CALL_CHUNKS = st.builds(
    lambda call, name, args, index: {"name": name, "args": args, "id": call, "index": index},
    st.none() | CALL_IDS,
    st.none() | st.sampled_from(["look", "find"]),
    st.sampled_from([None, "", "{", '{"x":', " 1}", "{}"]),
    st.sampled_from([0, 1, None]),
)
USAGE = st.none() | st.just({"input_tokens": 1, "output_tokens": 1, "total_tokens": 2})

CHUNKS = st.builds(
    lambda text, name, calls, usage, more: AIMessageChunk(
        content=text, id=name, tool_call_chunks=calls, usage_metadata=usage, **more
    ),
    TEXTS,
    MESSAGE_IDS,
    st.lists(CALL_CHUNKS, max_size=1),
    USAGE,
    st.sampled_from(
        [{}, {}, {}, {"chunk_position": "last"}, {"response_metadata": {"finish_reason": "stop"}}]
    ),
)
ANSWERS = st.builds(
    lambda text, name, calls, usage: AIMessage(
        text, id=name, tool_calls=calls, usage_metadata=usage
    ),
    TEXTS,
    MESSAGE_IDS,
    st.lists(CALLS, max_size=2),
    USAGE,
)
RESULTS = st.builds(
    lambda text, call, own, name: ToolMessage(text, tool_call_id=call, id=own, name=name),
    TEXTS,
    CALL_IDS,
    st.sampled_from([None, "r1", "r2"]),
    st.sampled_from([None, "look"]),
)
QUESTIONS = st.builds(lambda own: HumanMessage("hi", id=own), st.sampled_from([None, "h1"]))
WHOLE = ANSWERS | RESULTS | QUESTIONS

PAIRS = st.tuples(CHUNKS, st.sampled_from(MODELS)) | st.tuples(WHOLE, st.sampled_from(MADE))
WRITES = st.builds(lambda messages: {"messages": messages}, st.lists(WHOLE, max_size=3))
OUTPUTS = WRITES | st.none() | st.lists(WRITES, max_size=2) | st.just({"n": 1})


@st.composite
def _updates(draw: Any) -> dict[str, Any]:
    update = draw(st.dictionaries(st.sampled_from(NODES), OUTPUTS, min_size=1, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        update["__metadata__"] = {"cached": True}
    return update


@st.composite
def _tasks(draw: Any) -> tuple[Path, dict[str, Any]]:
    id = draw(st.sampled_from(list(TASKS)))
    namespace, name = TASKS[id]
    if draw(st.booleans()):
        return namespace, {"id": id, "name": name, "input": draw(WRITES), "triggers": ()}
    error = draw(st.sampled_from([None, None, ValueError("no"), "ValueError('no')"]))
    result = draw(WRITES) if error is None else None
    interrupts = draw(st.sampled_from([[], [], [{"value": "?", "id": "i1"}]]))
    ended = {"result": result, "error": error, "interrupts": interrupts}
    return namespace, {"id": id, "name": name, **ended}


TOOLS = st.builds(
    lambda event, call, output: {
        "event": event,
        "tool_call_id": call,
        "tool_name": "look",
        "input": {"x": 1},
        "output": output,
        "delta": "d",
        "message": "no",
    },
    st.sampled_from(["tool-started", "tool-output-delta", "tool-finished", "tool-error"]),
    CALL_IDS,
    st.just("text") | RESULTS,
)


def _labelled(mode: str, payloads: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(NAMESPACES), st.just(mode), payloads)


ITEMS: st.SearchStrategy[Any] = st.one_of(
    _labelled("messages", PAIRS),
    _labelled("messages", st.tuples(CHUNKS, st.sampled_from(MODELS))),
    _labelled("updates", _updates()),
    _labelled("values", WRITES),
    _labelled("custom", st.just({"progress": 1})),
    _labelled("tools", TOOLS),
    _tasks().map(lambda task: (task[0], "tasks", task[1])),
    _tasks().map(
        lambda task: (
            task[0],
            "debug",
            {"type": "task" if "input" in task[1] else "task_result", "payload": task[1]},
        )
    ),
    _labelled("updates", st.just({"__interrupt__": ()})),
)
STREAMS = st.lists(ITEMS, max_size=14)
