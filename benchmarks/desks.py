"""From the provider to the browser: what a token costs at each desk that it passes."""

from __future__ import annotations

from functools import partial

from streamkit import normalize
from streamkit.wire import sse

from .bars import Effort, Row, Rows
from .replay import drain, ours_sync
from .timing import run, side_by_side
from .workloads import GRAPHS, Api, live, question, recorded, replay, text, tool_args


def _streamed(tokens: int, api: Api) -> None:
    run(drain(live(GRAPHS["text"](tokens), api, question("text"))))


def _as_bytes(tokens: int) -> None:
    run(drain(normalize(replay(recorded("text", "messages", tokens))).pipe(sse.encoder())))


def rows(effort: Effort) -> Rows:
    n = effort.tokens
    desks = {
        "a chunk of text is built": partial(text, n),
        "a chunk of arguments is built": partial(tool_args, n),
        "a graph streams it as messages": partial(_streamed, n, "messages"),
        "a graph streams it as events": partial(_streamed, n, "events"),
        "streamkit makes it an event": partial(ours_sync, recorded("text", "messages", n)),
        "streamkit makes it an SSE frame, too": partial(_as_bytes, n),
    }
    times = side_by_side(desks, max(3, effort.rounds // 3))
    for what in desks:
        yield Row(f"desk.{what}", what, times.of(what, n), "us")
