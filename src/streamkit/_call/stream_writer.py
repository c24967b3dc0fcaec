"""A graph's stream writer that also says which run writes.

LangGraph's own says only which graph: where several tools run at once, not which of them. It is
called in the context of the run that writes, whose callbacks name that run.

The writer is a field of LangGraph's ``Runtime``, which every node and tool gets. A graph makes its
own with ``parent.merge(own)``, where ``parent`` is the runtime in its config (langgraph 0.6 to
1.2). So a call of ours has a parent whose ``merge`` replaces the writer. Before langgraph 0.6 there
is no ``Runtime``, and the writer stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, cast
from uuid import UUID

from langchain_core.runnables.config import RunnableConfig, ensure_config, var_child_runnable_config

from .._fields import dict_or_empty
from ..dialects.callbacks import Written

Write = Callable[[object], None]


class NamingWriter(NamedTuple):
    """Makes the writer of one call.

    ``run_ids`` takes the id of a run, and returns those of the runs around it and its own.
    ``on_graph`` takes LangGraph's writer, when the graph starts; ``on_write`` is called where a
    node is about to write.
    """

    run_ids: Callable[[UUID], list[str]]
    on_graph: Callable[[Write], None]
    on_write: Callable[[], None]

    def wrap(self, write: Write) -> Write:
        """Return a writer that hands data to LangGraph's as `Written`."""

        def write_named(data: object) -> None:
            self.on_write()
            run_id = _current_run()
            write(Written(self.run_ids(run_id), data) if run_id else data)

        self.on_graph(write)
        return write_named


def with_stream_writer(config: RunnableConfig, graph: Any, naming: NamingWriter) -> RunnableConfig:
    """Return the config of a graph's call, whose writer wraps what it is given in `Written`."""
    key = getattr(sys.modules.get("langgraph._internal._constants"), "CONFIG_KEY_RUNTIME", None)
    if key is None:  # before langgraph 0.6
        return config
    from langgraph.runtime import Runtime  # noqa: PLC0415  (of a graph)

    configs = (config, getattr(graph, "config", None), ensure_config())
    given = [dict_or_empty((it or {}).get("configurable")) for it in configs]
    if graph.checkpointer and not any(given):
        return config  # LangGraph says what is missing, but only if there is nothing at all
    found = next((it[key] for it in given if key in it), None)
    # LangGraph takes the store of a runtime in the config for that of the graph.
    is_runtime = isinstance(found, Runtime)
    around = cast("Any", found if is_runtime else Runtime(store=getattr(graph, "store", None)))
    names = [it.name for it in fields(Runtime) if it.init]
    runtime = _runtime_class()(**dict(zip(names, attrgetter(*names)(around), strict=True)))
    object.__setattr__(runtime, "naming", naming)  # a runtime is frozen
    # LangChain and LangGraph add a key that no config has to ``configurable``, and keep the others.
    return cast("RunnableConfig", {**config, key: runtime})


@cache
def _runtime_class() -> Any:
    from langgraph.runtime import Runtime  # noqa: PLC0415  (of a graph)

    class WritingRuntime(Runtime[Any]):
        """The runtime around a graph's own."""

        __slots__ = ("naming",)
        naming: NamingWriter

        def merge(self, other: Runtime[Any]) -> Runtime[Any]:
            merged = Runtime.merge(self, other)
            return merged.override(stream_writer=self.naming.wrap(merged.stream_writer))

    return WritingRuntime


def _current_run() -> UUID | None:
    """Return the id of the run in whose context this is called."""
    callbacks = (var_child_runnable_config.get() or {}).get("callbacks")
    run_id = getattr(callbacks, "parent_run_id", None)
    return run_id if isinstance(run_id, UUID) else None
