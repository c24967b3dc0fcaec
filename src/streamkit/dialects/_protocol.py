"""Protocol events about messages: which of the open messages is an event about?

1. Locally every event comes with metadata, whose ``run_id`` names the model run.
2. A server sends the bare event. Then the message's id tells, where the event repeats it; else
   it is about the one message that is open in its namespace.
3. Where two such messages are open nothing tells, and nobody can: such events are refused (so
   they become `Unrecognized`), and the messages end incomplete once as many finishes have come.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, cast

from msgspec.structs import replace

from .._core.assembly import Assembly
from .._core.kinds import fields_of, kind_of
from .._core.origin import checkpoint_ns, is_internal
from .._fields import Fields, dict_or_empty
from ..errors import MalformedItem
from ..values import Origin, Status
from ._blocks import BlockEvents

__all__ = ["ProtocolMessages", "is_protocol_event"]

_EVENTS = frozenset(
    {
        "message-start",
        "content-block-start",
        "content-block-delta",
        "content-block-finish",
        "message-finish",
    }
)
_ROLES = {"ai": "assistant", "human": "user"}

Path = tuple[str, ...]


def is_protocol_event(raw: object) -> bool:
    """Tell whether ``raw`` is a protocol event about a message, without any envelope."""
    event = dict_or_empty(raw).get("event")
    return isinstance(event, str) and event in _EVENTS


class _Track:
    """An open message: what reads its events, and where it belongs."""

    __slots__ = ("blocks", "id", "key", "namespace", "origin")

    def __init__(self, key: Hashable, blocks: BlockEvents, namespace: Path, id: str | None) -> None:
        self.key = key
        self.blocks = blocks
        self.origin = blocks.message.origin
        self.namespace = namespace
        self.id = id


class ProtocolMessages:
    """Reads protocol events, and the whole messages between them, into an assembly."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._tracks: list[_Track] = []
        self._by_run: dict[object, _Track] = {}
        self._tools: set[str] = set()
        self._lost: dict[Path, int] = {}
        self._count = 0

    def read(self, raw: object, namespace: Path = ()) -> None:
        """Tell the assembly what ``(payload, metadata)``, or a bare event, means."""
        payload, metadata = _parts(raw)
        if kind_of(payload):
            self._whole(payload, self._origin(metadata, namespace))
        elif isinstance(payload, dict):
            self._event(cast("Fields", payload), metadata, namespace)
        else:
            raise MalformedItem(f"expected a message or a protocol event, got {raw!r:.200}", raw)

    def try_append_text(self, raw: Any) -> bool:
        """Read a delta that says more of a text, as most do, and tell whether it was one."""
        if raw.__class__ is not tuple:
            return False
        event, metadata = raw
        track = self._by_run.get(metadata.get("run_id"))
        return track is not None and event.__class__ is dict and track.blocks.try_append_text(event)

    def _whole(self, message: object, origin: Origin) -> None:
        self.close_superseded(message)
        self._assembly.whole_message(message, origin)

    def close_superseded(self, message: object) -> None:
        """End the open message that a whole one repeats."""
        id = fields_of(message).get("id")
        for track in self._open():
            if id and id == track.id:
                self._end(track)

    def end_task(self, task_id: str, left: Status = "incomplete") -> None:
        """End the messages of a node that ended, and so left them half said."""
        for track in self._open():
            if task_id in track.origin.parent_ids:
                self._end(track, left)

    # --- protocol events

    def _event(self, event: Fields, metadata: dict[str, Any], namespace: Path) -> None:
        run_id: str | None = metadata.get("run_id")
        match event["event"]:
            case "message-start":
                self._start(event, metadata, namespace)
            case _ if run_id in self._tools:
                pass
            case "message-finish":
                track = self._track(event, run_id, namespace)
                track.blocks.finish(event)
                self._end(track)
            case "error":
                track = self._track(event, run_id, namespace)
                self._assembly.end_message(track.key, "failed")
            case _:
                self._track(event, run_id, namespace).blocks.read(event)

    def _start(self, event: Fields, metadata: dict[str, Any], namespace: Path) -> None:
        run_id, id = metadata.get("run_id"), event.get("id") or event.get("message_id")
        if event.get("role") == "tool":  # a tool's result: the state and `tools` tell it better
            self._tools.update(filter(None, [run_id]))
            return
        origin = self._origin(metadata, namespace)
        self._abandon_earlier(origin, run_id)
        self._count += 1
        key = ("protocol", self._count)
        named, role = dict_or_empty(event.get("metadata")), event.get("role") or "ai"
        message = self._assembly.start_message(
            key,
            origin,
            id,
            role=_ROLES.get(role, role),
            model=named.get("model"),
            provider=named.get("provider"),
        )
        message.marks_its_end = True
        track = _Track(key, BlockEvents(message), namespace, id)
        self._tracks.append(track)
        if run_id:
            self._by_run[run_id] = track

    def _abandon_earlier(self, origin: Origin, run_id: str | None) -> None:
        """End what a retry left half said: the graph has gone on, or the run began again."""
        for track in self._open():
            earlier = track.origin
            is_before = earlier.namespace == origin.namespace and (
                (earlier.step or 0) < (origin.step or 0)
            )
            if is_before or (run_id and earlier.run_id == run_id):
                self._end(track)

    def _track(self, event: Fields, run_id: str | None, namespace: Path) -> _Track:
        """Give the open message that an event is about."""
        track = self._by_run.get(run_id)
        if track and self._assembly.is_open(track.key):
            return track
        tracks = [] if run_id else self._about(event, namespace)
        if len(tracks) == 1:
            return tracks[0]
        if tracks:
            self._lose(event, namespace, tracks)
            reason = f"{len(tracks)} messages are open in its namespace, and it does not say which"
        else:
            reason = "no message is open that it could be about"
        raise MalformedItem(f"{event['event']}: {reason}", event)

    def _about(self, event: Fields, namespace: Path) -> list[_Track]:
        """Give the messages that an event without metadata may be about."""
        id = event.get("id") or event.get("message_id")
        if id:
            return [track for track in self._open() if track.id == id]
        return [track for track in self._open() if track.namespace == namespace]

    def _lose(self, event: Fields, namespace: Path, tracks: list[_Track]) -> None:
        """Count the finishes that nobody can tell apart; after the last one all are over."""
        if event["event"] not in {"message-finish", "error"}:
            return
        self._lost[namespace] = self._lost.get(namespace, 0) + 1
        if self._lost[namespace] >= len(tracks):
            del self._lost[namespace]
            for track in tracks:
                self._end(track)

    def _origin(self, metadata: dict[str, Any], namespace: Path) -> Origin:
        scopes, run_id = self._assembly.scopes, metadata.get("run_id")
        if checkpoint_ns(metadata):
            return scopes.origin_from(metadata, run_id=run_id)
        internal = is_internal(metadata, metadata.get("tags") or ())
        place = scopes.origin(namespace, task_id=run_id)
        return replace(place, metadata=metadata, internal=internal)

    # --- what is open

    def _open(self) -> list[_Track]:
        """Give the messages that neither ended nor were ended with what enclosed them."""
        is_open = self._assembly.is_open
        self._tracks = [track for track in self._tracks if is_open(track.key)]
        return self._tracks

    def _end(self, track: _Track, left: Status = "incomplete") -> None:
        status: Status = "completed" if track.blocks.message.is_complete else left
        self._assembly.end_message(track.key, status)
        self._by_run.pop(track.origin.run_id, None)


def _parts(raw: object) -> tuple[object, dict[str, Any]]:
    """Give a payload and its metadata, of which a server sends none."""
    if isinstance(raw, (tuple, list)):
        payload, metadata = cast("Sequence[object]", raw)
        return payload, dict_or_empty(metadata)
    return raw, {}
