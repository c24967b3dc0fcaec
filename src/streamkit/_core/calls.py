"""Tool calls while a model writes them: which call a piece belongs to, and when a call is whole.

One rule for the stream and for `merge`:

1. Pieces of one index are one call, unless their ids differ or a new name begins. Without an index
   the id decides, and a piece without index, id and name continues the call written last.
2. A name may come in pieces, again with every piece, or after the arguments. It is complete once
   a piece of its call brings arguments after it, or brings no name.
3. A call is over once its arguments are one whole JSON object and something else has come, such as
   another call or text. What is written to it after that does not belong to it.
4. Arguments are read as ``json.loads(text, strict=False)``, as LangChain reads them to run a tool.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct

from ..values import ToolCall


class Call(Struct, eq=False):
    """A call that a model is writing."""

    index: object
    provider_executed: bool
    given_id: str | None = None
    name: str = ""
    name_is_complete: bool = False
    parts: list[str] = []
    is_over: bool = False
    # What its events have, once it has begun.
    has_begun: bool = False
    id: str = ""
    block_id: int = -1
    done: ToolCall | None = None

    @property
    def text(self) -> str:
        """The arguments as the model wrote them."""
        return "".join(self.parts)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are one whole JSON object."""
        if not self.parts or not self.parts[-1].rstrip().endswith("}"):
            return False  # which spares most pieces of an object the attempt
        return read_args(self.text)[1] is None

    def finished(self) -> ToolCall:
        """Return the call as a finished message holds it."""
        args, error = read_args(text := self.text)
        return ToolCall(
            id=self.id,
            name=self.name,
            args=args,
            text=text,
            error=error,
            provider_executed=self.provider_executed,
        )


class Calls:
    """The calls of one message, in the order of their first pieces."""

    def __init__(self) -> None:
        self.current: Call | None = None
        """The call that the last piece went to, if nothing else has come since."""
        self._all: list[Call] = []
        self._last: Call | None = None
        self._latest: dict[object, Call] = {}  # by index: the call written last
        self._by_id: dict[tuple[object, str], Call] = {}

    def __iter__(self) -> Iterator[Call]:
        return iter(self._all)

    def __bool__(self) -> bool:
        return bool(self._all)

    def at(self, index: object) -> Call | None:
        """Return the call that was written last at this index."""
        return self._latest.get(index)

    def add(
        self,
        index: object,
        id: str | None,
        name: str | None,
        args: str | None,
        *,
        provider_executed: bool = False,
    ) -> Call | None:
        """Add a piece to its call, which it may begin, and return the call.

        Return None where the piece is empty. A call that is over takes no more arguments.
        """
        if id or name:
            call = self._find(index, id, name, args)
        else:
            call = self._last if index is None else self._latest.get(index)
        if call is None:
            if not (id or name or args):
                return None
            call = Call(index, provider_executed)
            self._all.append(call)
        if self.current is not call:
            self.leave()
            self.current = call
            self._latest[call.index] = call
            if not provider_executed:
                self._last = call
        if id:
            call.given_id = id
            self._by_id[call.index, id] = self._by_id[None, id] = call
        if name and name != call.name:  # a name that is merely sent again stays as it is
            call.name += name
        if args is not None and not call.is_over and (args or not call.parts):
            call.parts.append(args)
        if call.name and (args or not name or provider_executed):
            call.name_is_complete = True
        return call

    def leave(self) -> Call | None:
        """Note that something else has come, and return the call that is over by that, if any."""
        call, self.current = self.current, None
        if call is None or call.is_over or not call.is_whole:
            return None
        call.is_over = True
        return call

    def _find(
        self, index: object, id: str | None, name: str | None, args: str | None
    ) -> Call | None:
        """Return the call that a piece with an id or a name belongs to, None if it begins one."""
        latest = self._latest.get(index)
        if id:
            is_taken = latest is not None and latest.given_id
            call = self._by_id.get((index, id)) or (None if is_taken else latest)
        else:
            call = None if index is None else latest
        if call is None or not name:
            return call
        if call.name_is_complete and name != call.name:
            return None  # another call, though it has the index, or even the id, of this one
        if args and args.lstrip()[:1] == "{" and call.is_whole:
            if args != call.text:
                return None
            call.is_over = True  # some providers send a whole call twice
        return call


def read_args(text: str) -> tuple[dict[str, Any] | None, str | None]:
    """Read arguments as LangChain does: ``(args, None)``, or ``(None, reason)``.

    Models write bare line breaks into strings, and LangChain's parser accepts them.
    """
    if not text:
        return {}, None  # a tool without parameters: several providers then send nothing at all
    try:
        args = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        return None, f"arguments are not complete JSON: {error}"
    if not isinstance(args, dict):
        return None, "arguments are JSON, but not an object"
    return cast("dict[str, Any]", args), None
