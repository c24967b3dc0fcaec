"""What a client that comes again is told: all it missed, or how much of it is gone."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit import BadRequest, UsageError, normalize
from streamkit.wire import sse
from streamkit.wire.replay import Part, Replay

SIZES = st.lists(st.integers(0, 40), max_size=30)


def numbered(frames: list[bytes]) -> list[bytes]:
    return [b"id: %d\n%b" % (number, frame) for number, frame in enumerate(frames, 1)]


@given(SIZES, st.integers(1, 12), st.integers(1, 200))
def test_the_newest_are_kept_and_the_rest_is_counted(sizes, max_frames, max_bytes):
    replay = Replay(max_frames=max_frames, max_bytes=max_bytes)
    frames = [b"data: %b\n\n" % (b"x" * size) for size in sizes]
    for frame in frames:
        replay.add(frame)
    all_of_them = numbered(frames)
    assert replay.last == len(frames)
    for seen in range(len(frames) + 1):
        missed, rest = replay.after(seen)
        assert list(rest) == all_of_them[seen + missed :]
        assert missed == 0 or len(rest) == len(replay.after(0).frames)
    kept = replay.after(0).frames
    assert len(kept) <= max_frames
    assert sum(map(len, kept)) <= max_bytes or len(kept) == 1
    assert kept or not frames


@given(SIZES, st.integers(1, 12), st.integers(1, 200))
def test_no_more_is_forgotten_than_must_be(sizes, max_frames, max_bytes):
    replay = Replay(max_frames=max_frames, max_bytes=max_bytes)
    frames = [b"data: %b\n\n" % (b"x" * size) for size in sizes]
    for frame in frames:
        replay.add(frame)
    missed, kept = replay.after(0)
    if missed:
        one_more = [*numbered(frames)[missed - 1 : missed], *kept]
        assert len(one_more) > max_frames or sum(map(len, one_more)) > max_bytes


def test_a_stream_that_was_cut_anywhere_is_made_whole():
    replay = Replay()
    for frame in normalize(["Hel", "lo"], clock=lambda: 0.5).pipe(sse.encoder()):
        replay.add(frame)
    data = b"".join(replay.after(0).frames)
    events = sse.Decoder().feed(data)
    for cut in range(len(data)):
        first, again = sse.Decoder(), sse.Decoder()
        seen = first.feed(data[:cut])
        missed, rest = replay.after(replay.place(first.last_event_id))
        assert missed == 0
        assert seen + again.feed(b"".join(rest)) == events


@pytest.mark.parametrize(
    "said", ["seven", "-2", "3", "3.0", "1.", "1.x", "²", "9" * 10_000, " 1", "0x1", "1\n"]
)
def test_an_id_that_never_was_is_refused(said):
    replay = Replay()
    replay.add(b"data: a\n\n")
    replay.add(b"data: b\n\n")
    with pytest.raises(BadRequest, match="no frame has the id") as caught:
        replay.place(said)
    assert caught.value.status == 400
    assert len(str(caught.value)) < 60


@pytest.mark.parametrize(
    ("said", "place"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("0-0", 0),
        ("-1", 0),
        ("1", 1),
        ("2", 2),
        ("1.7", 1),
        ("1-7", 1),
    ],
)
def test_an_id_that_was_is_a_place(said, place):
    replay = Replay()
    replay.add(b"data: a\n\n")
    replay.add(b"data: b\n\n")
    assert replay.place(said) == place


@pytest.mark.parametrize("bounds", [{"max_frames": 0}, {"max_bytes": 0}, {"max_frames": -1}])
def test_a_bound_that_keeps_nothing_is_refused(bounds):
    with pytest.raises(UsageError, match="at least 1"):
        Replay(**bounds)


@pytest.mark.parametrize("id", ["", "0", "-1", "0-0"])
def test_a_client_that_has_read_nothing_is_at_the_beginning(id):
    replay = Replay()
    replay.add(b"data: a\n\n")
    assert replay.place(id) == 0


def test_a_copy_gets_each_joined_frame_once():
    replay = Replay(max_frames=8, delta_of=sse.RESUME.delta_of)
    for _ in range(12):
        replay.add(b"data: a\n\n")
    assert len(replay.whole().joined) == 4
    part = replay.part_after(replay.last)
    assert (part.is_whole, part.joined, part.frames) == (False, [], [])


def test_a_copy_begins_anew_once_where_the_joined_frames_were_dropped():
    replay = Replay(max_frames=8, max_bytes=200, delta_of=sse.RESUME.delta_of)
    for _ in range(12):
        replay.add(b"data: %b\n\n" % (b"a" * 30))
    assert replay.after(0).missed
    assert [replay.part_after(replay.last).is_whole for _ in range(2)] == [True, False]


def test_what_is_dropped_is_no_longer_in_memory():
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        replay = Replay(max_bytes=2**16, delta_of=sse.RESUME.delta_of)
        for _ in range(300):
            replay.add(b"data: %b\n\n" % (b"a" * 1000))
        assert replay.after(0).missed
        assert tracemalloc.get_traced_memory()[0] - before < 1.3 * 2**16
    finally:
        tracemalloc.stop()


def test_a_copy_that_begins_anew_keeps_no_joined_frames_of_before():
    first, second = (Replay(max_frames=8, delta_of=sse.RESUME.delta_of) for _ in range(2))
    for replay, count in ((first, 12), (second, 40)):
        for _ in range(count):
            replay.add(b"data: a\n\n")
    copy = Replay(max_frames=8, delta_of=sse.RESUME.delta_of)
    copy.load(first.whole())
    assert copy.whole().joined
    late = second.whole()
    copy.load(Part(late.first, late.frames, late.first, [], 0))
    assert (copy.whole().joined, copy.after(0).frames) == ([], late.frames)


def test_the_frames_of_a_dead_owner_are_numbered_behind_the_last_one():
    replay = Replay()
    for _ in range(3):
        replay.add(b"data: a\n\n")
    replay.cut_off([b"data: b\n\n", b"data: c\n\n"])
    ends = [b"id: 3-1\ndata: b\n\n", b"id: 3-2\ndata: c\n\n"]
    for id, left in (("3", ends), ("5", ends), ("3-1", ends[1:]), ("3-2", [])):
        assert list(replay.after(replay.place(id)).frames) == left
