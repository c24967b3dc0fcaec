"""Hypothesis strategies: random events, whole runs, and raw chunks of a model.

    @given(runs())
    def test_my_encoder_survives(events):
        for event in events:
            encode(event)

They need hypothesis: the extra ``testing``.
"""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar, get_args, get_origin

from langchain_core.messages import AIMessageChunk
from msgspec import Struct, structs

from . import events as ev
from ._drive import normalize
from ._event_classes import EVENTS
from ._extras import extra
from .values import ErrorInfo, Origin

with extra("testing", "streamkit.strategies"):
    from hypothesis import strategies as st

__all__ = ["events", "model_chunks", "runs"]

E = TypeVar("E", bound=Struct)

_TEXT = st.text(max_size=20)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    # Beyond 2**53 a JavaScript client loses digits.
    | st.integers(2**53, 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
    # Line ends of other formats, the framing of SSE itself, a BOM, and a word that marks prompts.
    | st.sampled_from(["\u2028", "\r\n\r\n", "data: \n\n", "\x00", "\x85", "\ufeff", "system"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_OBJECT = st.dictionaries(_TEXT, _JSON, max_size=3)
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    int: st.integers(0, 2**60),
    float: st.floats(0, 2**33),
    bool: st.booleans(),
    type(None): st.none(),
    Any: _JSON,
    dict[str, Any]: _OBJECT,
}
_DEFAULTS: dict[type, set[str]] = {
    ErrorInfo: {"exception"},  # which no codec writes
    Origin: {"internal", "tool_call_id"},  # which encoders leave out, or show elsewhere
}


def _values_of(kind: Any) -> st.SearchStrategy[Any]:
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return st.sampled_from(args)
    if origin is tuple:
        return st.lists(_values_of(args[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_TEXT, _values_of(args[1]), max_size=2)
    return st.one_of([_values_of(it) for it in args]) if args else events_of(kind)


def events_of(cls: type[E]) -> st.SearchStrategy[E]:
    """Return any event of a class, with and without the fields that have defaults.

    >>> from streamkit import TextDelta
    >>> isinstance(events_of(TextDelta), st.SearchStrategy)
    True
    """
    fields = [it for it in structs.fields(cls) if it.name not in _DEFAULTS.get(cls, ())]
    return st.fixed_dictionaries(
        {it.name: _values_of(it.type) for it in fields if it.required},
        optional={it.name: _values_of(it.type) for it in fields if not it.required},
    ).map(lambda given: cls(**given))


def events() -> st.SearchStrategy[ev.Event]:
    """Return any event of any class, with payloads of JSON data: for encoders and decoders.

    Such events make no grammatical stream: for one, use `runs`.
    """
    return st.one_of([events_of(cls) for cls in EVENTS])


# --- raw streams

# Half a surrogate pair is no text that a provider's JSON can hold.
_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
_ARGS = st.dictionaries(_WORDS, st.integers() | _WORDS | st.lists(_WORDS, max_size=2), max_size=2)
_PARTS = st.sampled_from(["text", "reasoning", "call", "block"])


@st.composite
def model_chunks(draw: st.DrawFn, id: str = "run-1") -> list[AIMessageChunk]:
    """Return the chunks of one message, called ``id``, which a model might send.

    Text, reasoning and calls come in any order, and then the usage.
    """
    chunks: list[AIMessageChunk] = []
    for index, kind in enumerate(draw(st.lists(_PARTS, max_size=5))):
        words = draw(st.lists(_WORDS, min_size=1, max_size=3))
        match kind:
            case "text":
                chunks += [AIMessageChunk(content=word, id=id) for word in words]
            case "block":
                chunks.append(AIMessageChunk(content=[{"type": "text", "text": words[0]}], id=id))
            case "reasoning":
                thoughts = ({"reasoning_content": word} for word in words)
                chunks += [
                    AIMessageChunk(content="", additional_kwargs=it, id=id) for it in thoughts
                ]
            case _:
                chunks += _call_chunks(id, index, *_halves(draw))
    usage = {"input_tokens": 3, "output_tokens": len(chunks), "total_tokens": 3 + len(chunks)}
    reason = {"finish_reason": "stop"}
    return [*chunks, _last("", usage_metadata=usage, response_metadata=reason, id=id)]


def _halves(draw: st.DrawFn) -> tuple[str, str]:
    text = json.dumps(draw(_ARGS))
    cut = draw(st.integers(0, len(text)))
    return text[:cut], text[cut:]


def _call_chunks(id: str, index: int, first: str, second: str) -> list[AIMessageChunk]:
    call_id = f"{id}-call-{index}"
    calls: list[dict[str, Any]] = [
        {"name": "tool", "args": first, "id": call_id, "index": index},
        # OpenAI's clients name a call only in its first chunk.
        {"name": None, "args": second, "id": None, "index": index},
    ]
    return [_empty(id, tool_call_chunks=[call]) for call in calls]


def _empty(id: str, **fields: Any) -> AIMessageChunk:
    return AIMessageChunk(content="", id=id, **fields)


def _last(content: str, **fields: Any) -> AIMessageChunk:
    """Return a closing chunk, marked as the last where the installed version can mark it."""
    if "chunk_position" in AIMessageChunk.model_fields:  # langchain-core 1.0
        fields["chunk_position"] = "last"
    return AIMessageChunk(content=content, **fields)


# --- whole runs


@st.composite
def runs(draw: st.DrawFn) -> list[ev.Event]:
    """Return a whole run that keeps the grammar: nodes, one after the other or in parallel.

    Each node has models and tools of its own, and writes to the state.
    """
    clock = float(draw(st.integers(0, 10**9)))
    root = Origin(run_id="run", name="graph")
    lanes = [_node(draw, number) for number in range(draw(st.integers(0, 3)))]
    start = ev.RunStart(origin=root, timestamp=clock, run_id="run", input=draw(_JSON))
    end = ev.RunEnd(origin=root, timestamp=clock, status="completed", output=draw(_JSON))
    inner: list[ev.Event] = []
    while any(lanes):
        lane = draw(st.sampled_from([it for it in lanes if it]))
        inner.append(lane.pop(0))
    whole = [start, *inner, end]
    return [structs.replace(it, timestamp=clock + n / 8) for n, it in enumerate(whole)]


def _node(draw: st.DrawFn, number: int) -> list[ev.Event]:
    at: dict[str, Any] = {
        "origin": Origin(run_id=f"node-{number}", parent_ids=("run",), node=f"node{number}"),
        "timestamp": 0.0,
    }
    step: dict[str, Any] = {**at, "step_id": f"node-{number}", "kind": "node"}
    parts: list[ev.Event] = []
    for index, kind in enumerate(draw(st.lists(st.sampled_from(["model", "tool", "custom"])))):
        match kind:
            case "model":
                chunks = draw(model_chunks(f"message-{number}-{index}"))
                answer = normalize(chunks, clock=lambda: 0.0)
                origin = Origin(parent_ids=("run", f"node-{number}"), node=f"node{number}")
                parts += [
                    structs.replace(event, origin=origin)
                    for event in answer
                    if not isinstance(event, (ev.RunStart, ev.RunEnd))
                ]
            case "tool":
                tool: dict[str, Any] = {**at, "tool_call_id": f"call-{number}-{index}"}
                parts.append(ev.ToolStart(**tool, name="tool", input=draw(_OBJECT)))
                parts.append(
                    ev.ToolEnd(**tool, name="tool", status="completed", output=draw(_JSON))
                )
            case _:
                parts.append(ev.Custom(**at, data=draw(_JSON)))
    written = ev.StateUpdate(**at, node=f"node{number}", values=draw(_OBJECT))
    return [ev.StepStart(**step), *parts, written, ev.StepEnd(**step, status="completed")]
