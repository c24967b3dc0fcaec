"""JSON values that grow piece by piece, in time linear in the pieces.

A value is kept as it came until a second piece of it arrives; only then does a builder take its
place. The laws:

- Strings are joined, dicts grow key by key, lists item by item where items name the same index.
- What is fed is never changed: a builder owns its own dict, list or buffer.
- ``None`` adds nothing. Where types differ, or scalars that cannot be joined, the last one holds.
- ``built`` may be asked for at any time, and the builder goes on growing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from typing import Any, ClassVar, TypeAlias

Rules: TypeAlias = Mapping[str, Callable[[Any, Any], Any]]
Item: TypeAlias = "dict[str, Any] | list[Any] | str | float | None"


class Text(StringIO):
    """A string that grows: one buffer, whatever the number of pieces."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.write(text)

    add = StringIO.write
    built = StringIO.getvalue


def _first(known: Any, _: Any) -> Any:
    return known


def _last(_: Any, piece: Any) -> Any:
    return piece


def _sent_once(known: Any, piece: Any) -> Any:
    """Join the halves of a name: one that is merely sent again is not added."""
    return known + piece if isinstance(known, str) and isinstance(piece, str) else piece


class Record:
    """A dict that grows key by key."""

    __slots__ = ("fields",)

    rules: ClassVar[Rules] = {
        "type": _first,
        "index": _last,
        "created": _last,
        "timestamp": _last,
        "id": _sent_once,
        "name": _sent_once,
        "output_version": _sent_once,
        "model_provider": _sent_once,
    }

    def __init__(self, fields: Mapping[str, Any] | None = None) -> None:
        self.fields: dict[str, Any] = dict(fields or {})

    def add(self, piece: Mapping[str, Any]) -> None:
        """Let every key of ``piece`` grow what the record knows under it."""
        fields, rules = self.fields, self.rules
        for key, value in piece.items():
            known: Any = fields.get(key)
            if known.__class__ is Text and value.__class__ is str:
                known.write(value)
            elif value is None:
                fields.setdefault(key, None)
            elif known is None:
                fields[key] = value
            elif key not in rules or value != known:  # arrays raise when compared
                fields[key] = rules.get(key, self.grown)(known, value)

    @classmethod
    def grown(cls, known: Any, piece: Any) -> Any:
        """``known`` with ``piece`` added: by its builder if there is one for such a piece."""
        builder = cls.builder(piece)
        if builder is None:
            return _settled(known, piece)
        if known.__class__ is not builder:
            if cls.builder(known) is not builder:
                return piece
            known = builder(known)
        known.add(piece)
        return known

    @classmethod
    def builder(cls, value: Any) -> Any:
        """The class that grows such a value; None for scalars."""
        if isinstance(value, str):
            return Text
        if isinstance(value, dict):
            return cls
        return Items if isinstance(value, list) else None

    def built(self) -> dict[str, Any]:
        """The dict so far."""
        return {key: built(value) for key, value in self.fields.items()}


class Facts(Record):
    """A dict whose strings are facts: the last one holds, nothing is joined."""

    __slots__ = ()

    rules: ClassVar[Rules] = {
        "index": _last,
        "created": _last,
        "timestamp": _last,
        # Facts in any case, but these come with every chunk: a repeat is passed over sooner.
        "output_version": _last,
        "model_provider": _last,
    }

    @classmethod
    def builder(cls, value: Any) -> Any:
        """The class that grows such a value; None for scalars, which strings are here."""
        return None if isinstance(value, str) else super().builder(value)


def _settled(known: Any, piece: Any) -> Any:
    """One scalar out of two: counts add up unless they agree, an empty string adds nothing."""
    if type(known) is int and type(piece) is int:
        return known if known == piece else known + piece
    return known if isinstance(piece, str) and not piece else piece


class Items:
    """A list that grows: items of one index are one item, unless their ids tell them apart."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.items: list[Any] = []
        self._latest: dict[Any, Record] = {}  # by index: the item written last
        self._named: dict[tuple[Any, Any], Record] = {}  # by index and id
        self.extend(items)

    def extend(self, items: Iterable[Item]) -> None:
        """Take items as they stand."""
        for item in items:
            self.append(item)

    def append(self, item: Item) -> None:
        """Take an item as it stands."""
        self.items.append(self._enrolled(item) if isinstance(item, dict) else item)

    def _enrolled(self, fields: dict[str, Any]) -> Record:
        record, index = Record(fields), fields.get("index")
        if _joins(index):
            self._latest[index] = self._named[index, fields.get("id")] = record
        return record

    def add(self, pieces: Iterable[Item]) -> None:
        """Let every piece grow the item it belongs to, or become an item of its own."""
        for piece in pieces:
            if isinstance(piece, dict) and (slot := self.slot_of(piece)) is not None:
                slot.add(_as_extras(slot, piece) if piece.get("type") == "non_standard" else piece)
            else:
                self.append(piece)

    def slot_of(self, piece: Mapping[str, Any]) -> Record | None:
        """The item that ``piece`` belongs to, if it names one we know."""
        index, id = piece.get("index"), piece.get("id")
        if not _joins(index):
            return None  # LangChain joins no items without an index
        latest = self._latest.get(index)
        if not id or latest is None:
            return latest
        slot = self._named.get((index, id)) or (None if latest.fields.get("id") else latest)
        if slot is not None:
            self._latest[index] = self._named[index, id] = slot
        return slot

    def built(self) -> list[Any]:
        """The list so far."""
        return [built(item) for item in self.items]


def _joins(index: object) -> bool:
    """Whether an index joins items: a number does, and a name by LangChain (``lc_txt_0``)."""
    return isinstance(index, int) or (isinstance(index, str) and index.startswith("lc_"))


def _as_extras(slot: Record, piece: Mapping[str, Any]) -> Mapping[str, Any]:
    """A non-standard block at the place of a standard one is what the provider adds to it."""
    if "value" not in piece or slot.fields.get("type") in {None, "", "non_standard"}:
        return piece
    return {"extras": {key: value for key, value in piece["value"].items() if key != "type"}}


def built(value: Any) -> Any:
    """The finished value, whether it ever grew or not."""
    return value.built() if isinstance(value, (Text, Record, Items)) else value
