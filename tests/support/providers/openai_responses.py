"""Bodies of OpenAI's `POST /v1/responses` with `"stream": true`.

A response is a list of output items. Each is added, grows by deltas and is done; the closing
event repeats them all. Events are named by their type and numbered; there is no `[DONE]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .wire import join, sse

Json = dict[str, Any]
URL = "https://example.org/zürich"


def event(kind: str, **fields: Any) -> Json:
    return {"type": f"response.{kind}", **fields}


@dataclass(frozen=True)
class Item:
    """An output item: as it is added, the events by which it grows, and as it is done."""

    added: Json
    grows: tuple[Json, ...]
    done: Json

    def events(self, at: int) -> list[Json]:
        grows = [{**event, "item_id": self.done["id"], "output_index": at} for event in self.grows]
        added = event("output_item.added", output_index=at, item=self.added)
        return [added, *grows, event("output_item.done", output_index=at, item=self.done)]


def message(part: Json, empty: Json, *grows: Json, id: str = "msg_1") -> Item:
    """A message of one content part."""
    item = {"id": id, "type": "message", "role": "assistant", "content": []}
    at = {"content_index": 0}
    return Item(
        {**item, "status": "in_progress"},
        (
            event("content_part.added", part=empty, **at),
            *({**grow, **at} for grow in grows),
            event("content_part.done", part=part, **at),
        ),
        {**item, "status": "completed", "content": [part]},
    )


def say(*pieces: str, cites: tuple[Json, ...] = ()) -> Item:
    whole = "".join(pieces)
    part = {"type": "output_text", "text": whole, "annotations": list(cites), "logprobs": []}
    return message(
        part,
        {**part, "text": "", "annotations": []},
        *(event("output_text.delta", delta=piece, logprobs=[]) for piece in pieces),
        *(
            event("output_text.annotation.added", annotation=cite, annotation_index=nth)
            for nth, cite in enumerate(cites)
        ),
        event("output_text.done", text=whole, logprobs=[]),
    )


def refuse(*pieces: str) -> Item:
    whole = "".join(pieces)
    return message(
        {"type": "refusal", "refusal": whole},
        {"type": "refusal", "refusal": ""},
        *(event("refusal.delta", delta=piece) for piece in pieces),
        event("refusal.done", refusal=whole),
    )


def think(*parts: tuple[str, ...], id: str = "rs_1") -> Item:
    """A reasoning item with a summary of so many parts, each in its pieces."""
    grows: list[Json] = []
    summary = [{"type": "summary_text", "text": "".join(pieces)} for pieces in parts]
    for nth, pieces in enumerate(parts):
        at = {"summary_index": nth}
        empty = {"type": "summary_text", "text": ""}
        grows += [event("reasoning_summary_part.added", part=empty, **at)]
        grows += [event("reasoning_summary_text.delta", delta=piece, **at) for piece in pieces]
        grows += [event("reasoning_summary_text.done", text=summary[nth]["text"], **at)]
        grows += [event("reasoning_summary_part.done", part=summary[nth], **at)]
    item = {"id": id, "type": "reasoning"}
    return Item({**item, "summary": []}, tuple(grows), {**item, "summary": summary})


def think_aloud(*pieces: str) -> Item:
    """A reasoning item that shows the reasoning itself, as open models do."""
    whole = "".join(pieces)
    item = {"id": "rs_1", "type": "reasoning", "summary": []}
    grows = [event("reasoning_text.delta", content_index=0, delta=piece) for piece in pieces]
    grows.append(event("reasoning_text.done", content_index=0, text=whole))
    done = {**item, "content": [{"type": "reasoning_text", "text": whole}]}
    return Item({**item, "content": []}, tuple(grows), done)


def call(id: str, name: str, *pieces: str) -> Item:
    whole = "".join(pieces)
    item = {"id": f"fc_{id}", "type": "function_call", "call_id": f"call_{id}", "name": name}
    grows = [event("function_call_arguments.delta", delta=piece) for piece in pieces]
    grows.append(event("function_call_arguments.done", arguments=whole, name=name))
    return Item(
        {**item, "status": "in_progress", "arguments": ""},
        tuple(grows),
        {**item, "status": "completed", "arguments": whole},
    )


def custom_call(id: str, name: str, *pieces: str) -> Item:
    """A call whose input is free text instead of JSON."""
    whole = "".join(pieces)
    item = {"id": f"ctc_{id}", "type": "custom_tool_call", "call_id": f"call_{id}", "name": name}
    grows = [event("custom_tool_call_input.delta", delta=piece) for piece in pieces]
    grows.append(event("custom_tool_call_input.done", input=whole))
    return Item({**item, "input": ""}, tuple(grows), {**item, "input": whole})


def search(query: str) -> Item:
    """The server's own web search."""
    item = {"id": "ws_1", "type": "web_search_call"}
    steps = ("in_progress", "searching", "completed")
    return Item(
        {**item, "status": "in_progress"},
        tuple(event(f"web_search_call.{step}") for step in steps),
        {**item, "status": "completed", "action": {"type": "search", "query": query}},
    )


def response(status: str, items: tuple[Item, ...] = (), **fields: Any) -> Json:
    return {
        "id": "resp_1", "object": "response", "created_at": 1700000000, "status": status,
        "model": "gpt-test", "output": [item.done for item in items], "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "temperature": 1.0,
        "top_p": 1.0, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": None, **fields,
    }  # fmt: skip


def usage(input: int, output: int, reasoning: int = 0) -> Json:
    return {
        "input_tokens": input, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output, "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input + output,
    }  # fmt: skip


def body(*items: Item, close: Json | None = None) -> bytes:
    """The whole stream: opening, items, and the closing event (by default `completed`)."""
    opening = response("in_progress")
    events = [event("created", response=opening), event("in_progress", response=opening)]
    for at, item in enumerate(items):
        events += item.events(at)
    events.append(close or completed(*items))
    return join(*(sse(e["type"], {**e, "sequence_number": nth}) for nth, e in enumerate(events)))


def completed(*items: Item) -> Json:
    return event("completed", response=response("completed", items, usage=usage(12, 7, 2)))


# -- the bodies -------------------------------------------------------------------------------


def text() -> bytes:
    return body(say("Grüße 🚀", " aus", " Zürich.\n", "\n- eins\n- zw", "ei\u2028drei"))


def reasoning() -> bytes:
    summary = think(("**Plan**", "\nThink 🤔"), ("**Check**", "\nAgain."))
    return body(summary, say("The answer", " is 42."))


def reasoning_text() -> bytes:
    return body(think_aloud("First 🤔", " then."), say("Done."))


def reasoning_call() -> bytes:
    asked = call("a", "weather", '{"ci', 'ty": "Zür', 'ich 🏔"}')
    return body(think(("I need", " the weather.")), asked)


def two_calls() -> bytes:
    return body(
        call("a", "weather", '{"city": ', '"Zürich 🏔"}'), call("b", "clock", '{"tz": ', '"CET"}')
    )


def refusal() -> bytes:
    return body(refuse("I can't", " help with", " that."))


def custom_tool_call() -> bytes:
    return body(custom_call("c", "run_code", "print(", '"é 🐍"', ")\n"))


def web_search() -> bytes:
    cite = {"type": "url_citation", "start_index": 0, "end_index": 9, "url": URL, "title": "Zürich"}
    return body(search("Zürich"), say("It is", " sunny ☀️", ".", cites=(cite,)))


def incomplete() -> bytes:
    cut = say("Half a", " sent")
    why = {"reason": "max_output_tokens"}
    told = response("incomplete", (cut,), incomplete_details=why, usage=usage(12, 4))
    return body(cut, close=event("incomplete", response=told))


def failed() -> bytes:
    half = say("Half a", " sent")
    error = {"code": "server_error", "message": "The model failed"}
    return body(half, close=event("failed", response=response("failed", (half,), error=error)))


def no_finish() -> bytes:
    """The body ends properly for HTTP, but no closing event was sent."""
    whole = body(say("Half a", " sent"))
    return whole[: whole.index(b"event: response.completed")]


def error() -> bytes:
    told = {"type": "error", "code": "rate_limit", "message": "Too many tokens", "param": None}
    return body(say("Half a", " sent"), close=told)
