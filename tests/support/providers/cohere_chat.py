"""Cohere's `POST /v2/chat`, read from its raw bytes.

Before it calls a tool the model says in a `tool_plan` what it is going to do. That has an event
of its own, but it is told to the reader, so here it is text.
"""

from __future__ import annotations

from .expected import Expected, Facts, read_json

__all__ = ["read_cohere"]


def read_cohere(body: bytes) -> Expected:
    facts = Facts()
    for _, event in read_json(body):
        kind, delta = event["type"], event.get("delta") or {}
        message = delta.get("message") or {}
        if kind in {"content-start", "content-delta"}:
            facts.reasoning(message["content"].get("thinking"))
            facts.text(message["content"].get("text"))
        elif kind == "tool-plan-delta":
            facts.text(message["tool_plan"])
        elif kind in {"tool-call-start", "tool-call-delta"}:
            call = message["tool_calls"]
            name, args = call["function"].get("name"), call["function"].get("arguments")
            facts.call(event["index"], call.get("id"), name, args)
        elif kind == "message-end":
            tokens = delta["usage"]["tokens"]
            cached = delta["usage"].get("cached_tokens")
            facts.counts(tokens["input_tokens"], tokens["output_tokens"], cache_read=cached)
            facts.finish, facts.error = delta["finish_reason"], delta.get("error")
    return facts.result()
