"""OpenAI's older `POST /v1/completions`, read from its raw bytes: text, and no messages."""

from __future__ import annotations

from .expected import Expected, Facts, read_json

__all__ = ["read_openai_completions"]


def read_openai_completions(body: bytes) -> Expected:
    facts = Facts()
    for _, chunk in read_json(body):
        if counts := chunk.get("usage"):
            facts.counts(counts["prompt_tokens"], counts["completion_tokens"])
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                facts.text(choice["text"])
                facts.finish = choice["finish_reason"] or facts.finish
    return facts.result()
