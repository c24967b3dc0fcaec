"""The names that the installed LangChain and LangGraph can put into a stream, read in their sources.

A name is a key and what can stand under it: ``("event", "on_tool_start")``, ``("mode", "values")``,
``("type", "text-delta")``. Sources are read as syntax trees, and langchain-protocol by its types.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

__all__ = ["KEYS", "Name", "emitted"]

Name: TypeAlias = tuple[str, str]

KEYS = ("event", "method", "type", "role", "status", "source")
"""Under these keys stands what an item is, or is about."""

_EMITTERS = (
    "langgraph.stream._convert",
    "langgraph.stream._mux",
    "langgraph.stream.transformers",
    "langgraph.pregel._tools",
    "langgraph.pregel.debug",
    "langgraph.prebuilt._tool_call_transformer",
    "langchain_core.language_models._compat_bridge",
    "langchain_core.tracers.event_stream",
)


@cache
def emitted() -> dict[Name, str]:
    """Return every name, and where it was found."""
    found: dict[Name, str] = {}
    for where, names in _places():
        for name in names:
            found.setdefault(name, where)
    return found


def _places() -> Iterator[tuple[str, Iterator[Name]]]:
    for module in _EMITTERS:
        yield module, _written_in(_tree(module))
    yield "langchain_core.tracers.event_stream", _callback_events()
    yield "langgraph.types", _modes()
    yield "langgraph.constants", _tags(_tree("langgraph.constants"))
    yield "langchain_protocol", _protocol()
    for path in Path(_file("langchain.agents")).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        yield path.name, _keys_of_metadata(tree)


def _file(module: str) -> str:
    spec = importlib.util.find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return spec.origin


def _tree(module: str) -> ast.Module:
    return ast.parse(Path(_file(module)).read_text())


def _written_in(tree: ast.AST) -> Iterator[Name]:
    """``{"event": "started"}``, ``StandardStreamEvent(event="on_tool_end")``, and their Literals."""
    for node in ast.walk(tree):
        match node:
            case ast.Dict():
                pairs = zip(node.keys, node.values, strict=True)
                yield from (
                    (str(key.value), str(it.value))
                    for key, it in pairs
                    if isinstance(key, ast.Constant) and key.value in KEYS
                    if isinstance(it, ast.Constant) and isinstance(it.value, str)
                )
            case ast.Call():
                yield from (
                    (str(it.arg), str(it.value.value))
                    for it in node.keywords
                    if it.arg in KEYS and isinstance(it.value, ast.Constant)
                )
            case ast.Subscript(value=ast.Name(id="Literal")) if "started" in ast.dump(node):
                yield from (("event", word) for word in _words(node.slice))
            case _:
                pass


def _words(literal: ast.AST) -> Iterator[str]:
    """The words of ``Literal["a", "b"]``."""
    for node in ast.walk(literal):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _callback_events() -> Iterator[Name]:
    """``on_{run type}_{phase}``: run types stand all over langchain-core, phases in the streamer."""
    types = set(_run_types(Path(_file("langchain_core")).parent))
    for node in ast.walk(_tree("langchain_core.tracers.event_stream")):
        if isinstance(node, ast.JoinedStr):
            yield from _filled(node, types)
        elif isinstance(node, ast.Constant) and re.fullmatch("on_[a-z]+_[a-z_]+", str(node.value)):
            yield "event", str(node.value)


def _run_types(root: Path) -> Iterator[str]:
    """``run_type="prompt"``, ``run_type or "chain"``, ``"run_type": "tool"``."""
    written = re.compile(r'run_type"?\s*(?:=|:|or)\s*"([a-z_]+)"')
    for path in root.rglob("*.py"):
        yield from written.findall(path.read_text())


def _filled(text: ast.JoinedStr, types: set[str]) -> Iterator[Name]:
    match text.values:
        case [ast.Constant(value="on_"), _, ast.Constant(value=str(phase))]:
            yield from (("event", f"on_{it}{phase}") for it in types)
        case [ast.Constant(value="on_"), _, ast.Constant(value="_"), _]:  # version 1
            phases = ("start", "stream", "end")
            yield from (("event", f"on_{it}_{phase}") for it in types for phase in phases)
        case _:
            pass


def _modes() -> Iterator[Name]:
    """The modes of LangGraph, and the kinds of what its ``debug`` mode yields."""
    for node in ast.walk(_tree("langgraph.types")):
        match node:
            case ast.Assign(targets=[ast.Name(id="StreamMode")]):
                for word in _words(node.value):
                    yield "mode", word
                    yield "method", word  # as version 3 calls it
            case ast.ClassDef():
                for it in node.body:
                    match it:
                        case ast.AnnAssign(target=ast.Name(id="type"), annotation=ast.Subscript()):
                            yield from (("type", word) for word in _words(it.annotation.slice))
                        case _:
                            pass
            case _:
                pass
    yield "mode", "tools"  # not in the Literal, but a handler of its own writes it


def _tags(tree: ast.AST) -> Iterator[Name]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=str(id))]) if id.startswith("TAG_"):
                yield from (("tag", word) for word in _words(node.value))
            case _:
                pass


def _keys_of_metadata(tree: ast.AST) -> Iterator[Name]:
    """LangChain's own marks on the runs of its agents and middleware."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            word = node.value
            if word.startswith("lc_") and word.isidentifier():
                yield "metadata", word


# --- the protocol's types


def _protocol() -> Iterator[Name]:
    """Every word under a key of what a server sends: not of commands and their answers."""
    from langchain_protocol import protocol

    asked: set[Any] = set()
    list(_literals(protocol.Command | protocol.CommandResponse, asked))
    ends = ("Data", "Delta")
    sent = [
        it
        for name, it in vars(protocol).items()
        if name.endswith(ends) and name not in {"CommandData", "ResultData"}
    ]
    seen = set(asked)
    for kind in (protocol.Event, protocol.ContentBlock, protocol.Checkpoint, *sent):
        yield from _literals(kind, seen)
    yield from (("method", it) for it in _channels(protocol.Channel))


def _channels(kind: Any) -> Iterator[str]:
    """A channel is named as its method is, but for that of questions."""
    for _, word in _literals(kind, set(), "channel"):
        yield "input.requested" if word == "input" else word


def _literals(kind: Any, seen: set[Any], key: str = "") -> Iterator[Name]:
    if get_origin(kind) is Literal:
        yield from ((key, word) for word in get_args(kind))
    elif get_origin(kind) is not None:
        for part in get_args(kind):
            yield from _literals(part, seen, key)
    elif is_typeddict(kind) and kind not in seen:
        seen.add(kind)
        for name, hint in get_type_hints(kind).items():
            yield from _literals(hint, seen, name)
