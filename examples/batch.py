"""Many questions at once, with a bar of those that are done, and what they cost by model.

    pip install 'langchain-streamkit[terminal]'
    python examples/batch.py

Forty questions are asked, eight at a time. One of them fails, and the others go on. At the end come
the answers in the order of the questions, the failure, and the cost. It runs offline: put your own
model in place of `MODEL`, and your prices in place of `PRICES`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from streamkit import RunFold, astream_batch
from streamkit.metrics import Metrics
from streamkit.testing import Reply, ScriptedChatModel

PRICES = {"scripted": (2.00, 8.00)}
"""Per million tokens: read, written."""


def reply(messages: Sequence[BaseMessage]) -> Reply:
    """Return the answer of the offline model to a question."""
    question = str(messages[-1].content)
    fails = question.endswith("13?")
    error = ConnectionError("the provider hung up") if fails else None
    return Reply(f"The answer to: {question}", usage=(12, 9), error=error)


MODEL = ScriptedChatModel(script=reply, pace=0.005)


async def main() -> None:
    """Ask all questions, and print what came back."""
    questions = [f"What is {number}?" for number in range(40)]
    folds = [RunFold() for _ in questions]
    metrics = [Metrics(PRICES) for _ in questions]
    limits: Any = {"max_concurrency": 8, "on_error": "event", "progress": True}
    async for index, event in astream_batch(MODEL, questions, None, **limits):
        folds[index].feed(event)
        metrics[index].feed(event)
    for question, fold in zip(questions, folds, strict=True):
        result = fold.result()
        print(f"{question:14}{result.text if result.error is None else result.error.message}")
    print(f"all cost {sum(it.result().cost or 0 for it in metrics):.6f}")


if __name__ == "__main__":
    asyncio.run(main())
