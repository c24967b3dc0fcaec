"""The output items of one response, and the numbered events that write them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ..._fields import JsonObject
from .._plain_json import dump_plain, dump_text
from ..protocol import Frames, frame


class Kind(NamedTuple):
    """The spelling of an item with one part, whose text grows."""

    prefix: str
    item: JsonObject
    parts: str
    """The item's field with its parts."""
    part_index: str
    part: JsonObject
    text: str
    """The part's field with its text."""
    part_event: str
    text_event: str


TEXT: Final = Kind(
    prefix="msg",
    item={"type": "message", "role": "assistant"},
    parts="content",
    part_index="content_index",
    part={"type": "output_text", "annotations": [], "logprobs": []},
    text="text",
    part_event="content_part",
    text_event="output_text",
)
# A refusal is a part of a message, as a text is, and has events of its own.
REFUSAL: Final = TEXT._replace(part={"type": "refusal"}, text="refusal", text_event="refusal")
REASONING: Final = Kind(
    prefix="rs",
    item={"type": "reasoning"},
    parts="summary",
    part_index="summary_index",
    part={"type": "summary_text"},
    text="text",
    part_event="reasoning_summary_part",
    text_event="reasoning_summary_text",
)


class Growing(NamedTuple):
    """An item, where it is, and how its deltas begin."""

    item: JsonObject
    place: JsonObject
    head: bytes
    kind: Kind | None


class Output:
    """The items of a response whose id holds ``key``."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._number = 0
        self._items: list[JsonObject] = []
        self._withdrawn: set[int] = set()

    def event(self, type: str, **fields: Any) -> bytes:
        """Return the next event, without the ``response.`` of its type."""
        self._number += 1
        data = {"type": f"response.{type}", **fields, "sequence_number": self._number}
        return b"event: response.%b\n%b" % (type.encode(), frame(data))

    def shown(self, *, is_over: bool) -> list[JsonObject]:
        """Return the items that were not withdrawn."""
        if is_over:
            for it in self._items:
                it["status"] = "incomplete" if it["status"] == "in_progress" else it["status"]
        return [it for n, it in enumerate(self._items) if n not in self._withdrawn]

    def withdraw(self, made: Growing) -> None:
        """Leave an item out of the whole response."""
        self._withdrawn.add(made.place["output_index"])

    def add(self, prefix: str, item: JsonObject, delta: str, kind: Kind | None = None) -> Growing:
        """Return a new item, which is in progress; events of the type ``delta`` add text to it."""
        index = len(self._items)
        item = {"id": f"{prefix}_{self._key}_{index}", "status": "in_progress", **item}
        self._items.append(item)
        place: JsonObject = {"item_id": item["id"], "output_index": index}
        if kind:
            place[kind.part_index] = 0
        more: JsonObject = {"logprobs": []} if kind is TEXT else {}
        about = dump_plain({"type": f"response.{delta}", **place, **more})[:-1]
        return Growing(item, place, b"event: response.%b\ndata: %b" % (delta.encode(), about), kind)

    def added(self, made: Growing) -> bytes:
        """Return the event that shows a new item."""
        index = made.place["output_index"]
        return self.event("output_item.added", output_index=index, item=made.item)

    def grow(self, made: Growing, text: str) -> bytes:
        """Return the event that adds text to an item: most of a stream."""
        self._number += 1
        said = dump_text(text)
        return b'%b,"sequence_number":%d,"delta":%b}\n\n' % (made.head, self._number, said)

    def done(self, made: Growing, status: str = "completed") -> bytes:
        """Return the event that ends an item."""
        made.item["status"] = status
        index = made.place["output_index"]
        return self.event("output_item.done", output_index=index, item=made.item)

    # --- items with one part

    def begin(self, kind: Kind) -> Growing:
        """Return a new item of a kind; `begun` writes it."""
        return self.add(
            kind.prefix, {**kind.item, kind.parts: []}, f"{kind.text_event}.delta", kind
        )

    def begun(self, made: Growing, kind: Kind) -> Frames:
        """Return the events that begin an item and its part."""
        yield self.added(made)
        part: JsonObject = {**kind.part, kind.text: ""}
        yield self.event(f"{kind.part_event}.added", **made.place, part=part)
        more: JsonObject = {"annotations": []} if kind is TEXT else {}
        made.item[kind.parts].append({**part, **more})

    def end(self, made: Growing, kind: Kind, text: str) -> Frames:
        """Return the events that end an item and its part."""
        [part] = made.item[kind.parts]
        part[kind.text] = text
        more: JsonObject = {"logprobs": []} if kind is TEXT else {}
        yield self.event(f"{kind.text_event}.done", **made.place, **{kind.text: text}, **more)
        yield self.event(f"{kind.part_event}.done", **made.place, part=part)
        yield self.done(made)
