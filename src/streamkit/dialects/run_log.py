"""``astream_log``: JSON patches to the log of a run, which langchain-core builds as it runs.

    chain.astream_log({"question": "hi"})

    RunLogPatch({"op": "replace", "path": "", "value": {"id": "01a2…", "type": "chain", …}})
    RunLogPatch({"op": "add", "path": "/logs/ChatOpenAI", "value": {"id": …, "type": "llm", …}})
    RunLogPatch({"op": "add", "path": "/logs/ChatOpenAI/streamed_output/-", "value": …})

Each operation means the same as one event of ``astream_events`` version 1, and is read as that
event. The log has no inputs, no parents and no errors. Its root has no end: it ends with the
stream. With ``diff=False`` every item repeats the operations before it.

Upstream cannot be stopped: closing an ``astream_log`` lets the run continue to its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from .._core.writes import messages_in
from .._fields import dict_or_empty
from ..values import Origin
from ._sums import Sum
from .astream_events import EventsReader

_CLASSES = frozenset({"RunLogPatch", "RunLog"})


def is_run_log(raw: object) -> bool:
    """Return whether ``raw`` is an item of ``astream_log``."""
    cls = raw.__class__
    return cls.__name__ in _CLASSES and cls.__module__ == "langchain_core.tracers.log_stream"


class _Entry(NamedTuple):
    kind: str
    run: dict[str, Any]
    outputs: list[Any]


class RunLogReader(EventsReader):
    """The reader of run log patches, operation by operation."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._entries: dict[str, _Entry] = {}
        self._read_before = 0
        self._sum = Sum()

    def read(self, raw: object) -> None:
        """Read one patch into the assembly."""
        log = cast("Any", raw)
        operations: Sequence[dict[str, Any]] = log.ops
        if hasattr(log, "state"):  # a RunLog, by diff=False: it repeats all earlier operations
            operations = operations[self._read_before :]
            self._read_before += len(operations)
        for operation in operations:
            self._read_operation(operation["path"], operation["value"])

    def before_end(self) -> None:
        """End the root: the log has no entry for that, and its output is what it streamed."""
        if "" in self._entries:
            self._read_as_event("", "end", output=self._sum.total())

    def _read_operation(self, path: str, value: Any) -> None:
        entry, _, field = path.removesuffix("/-").rpartition("/")
        if path == "" or (entry == "/logs" and field not in {"streamed_output", "final_output"}):
            self._start(path, value)
        elif field == "streamed_output":
            if not entry:
                self._sum.add(value)
            self._read_as_event(entry, "stream", chunk=value)
        elif field == "final_output" and entry:  # the root's repeats what it streamed, by patches
            self._entries[entry].outputs[:] = [value]
        elif field == "end_time":
            self._at(value)
            kind, _, outputs = self._entries[entry]
            self._read_as_event(entry, "end", output=_output(kind, outputs))

    def _start(self, path: str, value: dict[str, Any]) -> None:
        self._entries[path] = _Entry(_kind(value), value, [])
        self._at(value.get("start_time"))
        self._read_as_event(path, "start")

    def _read_as_event(self, path: str, verb: str, **data: Any) -> None:
        kind, run, _ = self._entries[path]
        if verb == "end":
            del self._entries[path]
        super().read(
            {
                "event": f"on_{kind}_{verb}",
                "name": run["name"],
                "run_id": run["id"],
                "tags": run.get("tags"),
                "metadata": run.get("metadata"),
                "data": data,
            }
        )

    def _node_end(self, origin: Origin, values: object) -> None:
        # The log has no inputs, and a node may return messages of its input again.
        self.assembly.seen.mark_history(messages_in(values))
        super()._node_end(origin, values)

    def _at(self, time: str | None) -> None:
        if time:  # in ISO format
            self.assembly.now = datetime.fromisoformat(time).timestamp()


def _kind(value: dict[str, Any]) -> str:
    is_chat = dict_or_empty(value.get("metadata")).get("ls_model_type") == "chat"
    return "chat_model" if is_chat else value["type"]


def _output(kind: str, outputs: list[Any]) -> Any:
    """Return a run's output."""
    # langchain-core's log stream wraps an output that is no dict in {"output": …}.
    output = outputs[0] if outputs else None
    wrapped = dict_or_empty(output)
    if list(wrapped) == ["output"]:
        return wrapped["output"]
    return None if kind == "tool" and not wrapped else output
