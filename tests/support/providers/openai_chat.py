"""Bodies of OpenAI's `POST /v1/chat/completions` with `"stream": true`.

Each event is a `chat.completion.chunk` without an event name; `[DONE]` closes the stream.
The last functions are not OpenAI's own habits but those of servers that call themselves compatible.
"""

from __future__ import annotations

from typing import Any

from .wire import join, sse

CITY = '{"city": "Zürich 🏔"}'
ZONE = '{"tz": "CET"}'
DONE = sse(None, "[DONE]")


def chunk(delta: dict[str, Any] | None, *, finish: str | None = None, n: int = 0, **top: Any):
    """One chunk; without a delta it has no choices, as the one that reports the usage."""
    choice = {"index": n, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000}
    choices = [] if delta is None else [choice]
    return sse(None, {**head, "model": "gpt-test", "choices": choices, "usage": None, **top})


def role(n: int = 0) -> bytes:
    return chunk({"role": "assistant", "content": "", "refusal": None}, n=n)


def say(*pieces: str, n: int = 0) -> bytes:
    return join(*(chunk({"content": piece}, n=n) for piece in pieces))


def finish(reason: str, n: int = 0) -> bytes:
    return chunk({}, finish=reason, n=n)


def usage(prompt: int, completion: int) -> dict[str, Any]:
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def call(index: int | None, id: str | None, name: str | None, args: str) -> dict[str, Any]:
    """The delta of one tool call: its beginning has an id and a name, the rest only arguments."""
    function = {"arguments": args} if name is None else {"name": name, "arguments": args}
    place = {} if index is None else {"index": index}
    begin = {} if id is None else {"id": id, "type": "function"}
    return {**place, **begin, "function": function}


def calls(*deltas: dict[str, Any]) -> bytes:
    """Deltas of tool calls that arrive in one chunk."""
    return chunk({"tool_calls": list(deltas)})


def more(index: int, *pieces: str) -> bytes:
    return join(*(calls(call(index, None, None, piece)) for piece in pieces))


# -- text -------------------------------------------------------------------------------------


def text() -> bytes:
    spoken = say("Grüße 🚀", " aus", " Zürich.\n", "\n- eins\n- zw", "ei\u2028drei")
    return join(role(), spoken, finish("stop"), DONE)


def text_usage() -> bytes:
    report = chunk(None, usage=usage(11, 3))
    # One astronaut, in two tokens: woman + joiner and rocket.
    return join(role(), say("Hi ", "👩", "\u200d🚀", "!"), finish("stop"), report, DONE)


def two_choices() -> bytes:
    return join(
        role(0), role(1), say("A0 ", n=0), say("B0 ", n=1), say("A1", n=0), say("B1", n=1),
        finish("stop", 0), finish("stop", 1), DONE,
    )  # fmt: skip


def content_filter() -> bytes:
    return join(role(), say("I was about to"), finish("content_filter"), DONE)


def refusal() -> bytes:
    said = (chunk({"refusal": piece}) for piece in ("I can't", " help with", " that."))
    return join(role(), *said, finish("stop"), DONE)


# -- tool calls -------------------------------------------------------------------------------


def tool_call() -> bytes:
    begin = chunk({"role": "assistant", "content": None, "tool_calls": [CALL_A]})
    return join(begin, more(0, '{"ci', 'ty": "Zür', 'ich 🏔"}'), finish("tool_calls"), DONE)


CALL_A = call(0, "call_a", "weather", "")
CALL_B = call(1, "call_b", "clock", "")


def parallel_calls() -> bytes:
    """Two calls whose arguments arrive in turns."""
    return join(
        role(), calls(CALL_A), calls(CALL_B),
        more(0, '{"city": '), more(1, '{"tz"'), more(0, '"Zürich 🏔"'), more(1, ': "CET"'),
        calls(call(0, None, None, "}"), call(1, None, None, "}")),
        finish("tool_calls"), DONE,
    )  # fmt: skip


def whole_call() -> bytes:
    """Id, name, arguments and the finish in one single chunk."""
    delta = {"role": "assistant", "tool_calls": [call(0, "call_a", "weather", CITY)]}
    return join(chunk(delta, finish="tool_calls"), DONE)


def text_then_call() -> bytes:
    asked = join(calls(CALL_A), more(0, '{"city": ', '"Zürich 🏔"}'))
    return join(role(), say("Let me", " look. 🔎"), asked, finish("tool_calls"), DONE)


def cut_args() -> bytes:
    """The token limit falls into the arguments."""
    return join(role(), calls(CALL_A), more(0, '{"city": ', '"Zür'), finish("length"), DONE)


# -- streams that go wrong --------------------------------------------------------------------


def error() -> bytes:
    told = {"message": "The server had an error", "type": "server_error", "code": None}
    return join(role(), say("Half a", " sent"), sse(None, {"error": told}))


def no_finish() -> bytes:
    """The body ends properly for HTTP, but the model never finished."""
    return join(role(), say("Half a", " sent"))


# -- compatible servers -----------------------------------------------------------------------


def reasoning_content() -> bytes:
    thought = (chunk({"reasoning_content": piece}) for piece in ("First 🤔", " then."))
    return join(role(), *thought, say("Done."), finish("stop"), DONE)


def usage_every_chunk() -> bytes:
    """Cumulative counts on every chunk."""
    spoken = (
        chunk({"content": piece}, usage=usage(20, count))
        for count, piece in enumerate(("one", " two", " three"), 1)
    )
    return join(*spoken, chunk({}, finish="stop", usage=usage(20, 3)), DONE)


def repeated_name() -> bytes:
    """Id and name on every piece of the call."""
    pieces = (calls(call(0, "call_a", "weather", piece)) for piece in ('{"city": ', '"Zürich 🏔"}'))
    return join(role(), *pieces, finish("tool_calls"), DONE)


def index_zero_whole() -> bytes:
    """Two whole calls, both said to be number 0."""
    both = (calls(call(0, "call_a", "weather", CITY)), calls(call(0, "call_b", "clock", ZONE)))
    return join(role(), *both, finish("tool_calls"), DONE)


def index_zero_split() -> bytes:
    """Two calls in pieces, one after the other, both said to be number 0."""
    first = join(calls(call(0, "call_a", "weather", "")), more(0, '{"city": ', '"Zürich 🏔"}'))
    second = join(calls(call(0, "call_b", "clock", "")), more(0, '{"tz": ', '"CET"}'))
    return join(role(), first, second, finish("tool_calls"), DONE)


def no_index() -> bytes:
    """Two whole calls without any number."""
    both = calls(call(None, "call_a", "weather", CITY), call(None, "call_b", "clock", ZONE))
    return join(role(), both, finish("tool_calls"), DONE)
