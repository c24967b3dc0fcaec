"""The changes between two JSON values as an RFC 6902 patch: no moves, no copies.

Lists are compared place by place, because what a graph's state holds grows at its end. So the
patch is made in linear time, and applies wherever the first value stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast


def patch(old: object, new: object) -> list[dict[str, Any]]:
    """Return the operations that make ``new`` of ``old``.

    >>> patch({"n": 1, "seen": ["a"]}, {"seen": ["a", "b"]})
    [{'op': 'remove', 'path': '/n'}, {'op': 'add', 'path': '/seen/1', 'value': 'b'}]
    """
    return list(_changes(old, new, ""))


def _changes(old: Any, new: Any, path: str) -> Iterator[dict[str, Any]]:
    match old, new:
        case dict(), dict():
            yield from _in_dict(cast("Any", old), cast("Any", new), path)
        case list(), list():
            yield from _in_list(cast("Any", old), cast("Any", new), path)
        case _ if type(old) is not type(new) or old != new:
            yield {"op": "replace", "path": path, "value": new}
        case _:
            pass


def _in_dict(old: dict[str, Any], new: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    for key in old:
        if key not in new:
            yield {"op": "remove", "path": _below(path, key)}
    for key, value in new.items():
        if key in old:
            yield from _changes(old[key], value, _below(path, key))
        else:
            yield {"op": "add", "path": _below(path, key), "value": value}


def _in_list(old: list[Any], new: list[Any], path: str) -> Iterator[dict[str, Any]]:
    for index, (before, after) in enumerate(zip(old, new)):  # noqa: B905  (the rest is below)
        yield from _changes(before, after, f"{path}/{index}")
    for index in reversed(range(len(new), len(old))):
        yield {"op": "remove", "path": f"{path}/{index}"}
    for index in range(len(old), len(new)):
        yield {"op": "add", "path": f"{path}/{index}", "value": new[index]}


def _below(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
