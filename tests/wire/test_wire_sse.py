"""One event, one frame; and frames read by the rules of WHATWG's HTML standard, section 9.2.6."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from random_events import EVENTS, PLACES, cut
from streamkit import Custom, MalformedItem, Origin, UsageError, normalize
from streamkit.wire import sse, to_dict


def custom(data: object) -> Custom:
    return Custom(origin=Origin(), timestamp=0.5, data=data)


def frames(data: bytes) -> list[Any]:
    return [
        (it.event, it.data, it.id) if isinstance(it, sse.Frame) else type(it)
        for it in sse.FrameDecoder().feed(data)
    ]


def by_the_book(data: bytes) -> list[tuple[str, str, str]]:
    """The standard's own words, over the whole stream at once."""
    text = data.decode(errors="replace").removeprefix("\ufeff")
    *lines, _ = re.split("\r\n|\n|\r", text)  # the last one was not ended
    found = []
    event, id, values = "", "", []
    for line in lines:
        if not line:
            if values:
                found.append((event or "message", "\n".join(values), id))
            event, values = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            event = value
        elif field == "data":
            values.append(value)
        elif field == "id" and "\0" not in value:
            id = value
    return found


# --- encoding


def test_a_frame_is_one_line_of_data_and_a_blank_line():
    event = custom("a\r\nb\u2028")
    assert (
        sse.encode(event) == b'data: {"type":"custom","timestamp":0.5,"data":"a\\r\\nb\\u2028"}\n\n'
    )
    assert sse.encode(event, id=7).startswith(b"id: 7\ndata: {")
    assert sse.encode(event, id="é").startswith("id: é\ndata: {".encode())
    assert b"event:" not in sse.encode(event)  # so that EventSource.onmessage gets it


@pytest.mark.parametrize("id", ["a\nb", "a\r", "\0"])
def test_an_id_that_would_break_the_frame_is_refused(id):
    with pytest.raises(UsageError, match="an id cannot hold a line end or a NUL"):
        sse.encode(custom(1), id=id)


@given(EVENTS, st.booleans())
def test_a_frame_holds_the_event(event, private):
    data = sse.encode(event, private=private)
    assert data.count(b"\n") == 2
    assert b"\r" not in data
    ((name, text, _),) = frames(data)
    assert name == "message"
    assert json.loads(text) == to_dict(event, private=private)
    assert sse.encoder(private=private).stage()(event) == (data,)


def test_a_stream_becomes_frames_with_ids():
    events = list(normalize(["Hi"], clock=lambda: 0.5))
    data = b"".join(normalize(iter(events)).pipe(sse.encoder(first_id=5)))
    assert data.startswith(b'id: 5\ndata: {"type":"run.start","timestamp":0.5}\n\nid: 6\ndata: ')
    decoder = sse.Decoder()
    assert decoder.feed(data) == events
    assert decoder.last_event_id == "11"


def test_a_heartbeat_is_nothing_to_a_reader():
    decoder = sse.Decoder()
    data = sse.HEARTBEAT + sse.encode(custom(1)) + sse.HEARTBEAT * 2 + sse.encode(custom(2))
    assert [event.data for event in decoder.feed(data)] == [1, 2]


def test_headers_are_ready_to_be_sent():
    assert dict(sse.HEADERS)["content-type"] == "text/event-stream"
    assert all(name == name.lower() for name in sse.HEADERS)


# --- frames


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"data: a\n\n", [("message", "a", "")]),
        (b"data:a\r\rdata: b\r\n\r\n", [("message", "a", ""), ("message", "b", "")]),
        (b"data:  a \n\n", [("message", " a ", "")]),
        (b"data: a\ndata: b\n\n", [("message", "a\nb", "")]),
        (b"data\n\n", [("message", "", "")]),
        (b"data\ndata\n\n", [("message", "\n", "")]),
        (b"data: a\n", []),
        (b"data: a", []),
        (b"event: x\n\ndata: a\n\n", [("message", "a", "")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("x", "a", ""), ("message", "b", "")]),
        (b"id: 7\ndata: a\n\ndata: b\n\n", [("message", "a", "7"), ("message", "b", "7")]),
        (b"id: 7\ndata: a\n\nid\ndata: b\n\n", [("message", "a", "7"), ("message", "b", "")]),
        (b"id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n", [("message", "a", "7"), ("message", "b", "7")]),
        (b": comment\ndata: a\n:\n\n", [("message", "a", "")]),
        (b"data : x\nDATA: y\nother: z\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"\n\xef\xbb\xbfdata: a\n\n", []),
        ("data: \u2028\x85\x0b\x0c\n\n".encode(), [("message", "\u2028\x85\x0b\x0c", "")]),
        (b"data: \xff\n\n", [("message", "\ufffd", "")]),
        (b"data: a\r\n\r\ndata: b\n\r", [("message", "a", ""), ("message", "b", "")]),
    ],
)
def test_the_standards_rules(data, expected):
    assert by_the_book(data) == expected
    assert frames(data) == expected
    decoder = sse.FrameDecoder()
    pieces = [data[n : n + 1] for n in range(len(data))]
    found = [it for piece in pieces for it in (*decoder.feed(b""), *decoder.feed(piece))]
    assert [(it.event, it.data, it.id) for it in found] == expected


WORDS = [
    b"data",
    b"event",
    b"id",
    b"retry",
    b":",
    b" ",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"a",
    b"\0",
]
WORDS += [b"\xef\xbb\xbf", b"\xff", "é".encode(), "\u2028".encode(), b"data: x\n\n"]


@given(st.lists(st.sampled_from(WORDS), max_size=30), PLACES)
def test_any_bytes_in_any_pieces_are_read_by_the_book(words, places):
    data = b"".join(words)
    decoder = sse.FrameDecoder()
    found = [it for piece in cut(data, places) for it in decoder.feed(piece)]
    assert [(it.event, it.data, it.id) for it in found] == by_the_book(data)


def test_a_cr_ends_the_frame_without_waiting_for_what_follows():
    decoder = sse.FrameDecoder()
    assert decoder.feed(b"data: a\r\n\r") == [sse.Frame(data="a")]
    assert decoder.feed(b"\n") == []
    assert decoder.feed(b"data: b\r\r") == [sse.Frame(data="b")]
    assert decoder.feed(b"\ndata: c\n\n") == [sse.Frame(data="c")]


@pytest.mark.parametrize(
    ("value", "expected"), [("100", 100), ("", None), ("1.5", None), ("-1", None), ("²", None)]
)
def test_retry_is_a_number_of_digits(value, expected):
    decoder = sse.FrameDecoder()
    decoder.feed(f"retry: {value}\n\n".encode())
    assert decoder.retry == expected


# --- events


@given(st.lists(EVENTS, max_size=5), PLACES)
def test_events_come_back_wherever_the_bytes_were_cut(events, places):
    data = b"".join(sse.encode(event, private=True, id=n) for n, event in enumerate(events))
    decoder = sse.Decoder()
    found = [event for piece in cut(data, places) for event in decoder.feed(piece)]
    assert found + decoder.close() == events


def test_a_frame_that_was_not_ended_is_none():
    decoder = sse.Decoder()
    assert decoder.feed(sse.encode(custom(1))[:-1]) == []
    assert decoder.close() == []


def test_a_frame_that_is_no_event_is_refused_in_its_turn():
    decoder = sse.Decoder()
    good, other = sse.encode(custom(1)), sse.encode(custom(2))
    assert decoder.feed(good + b"data: [DONE]\n\n" + other) == [custom(1)]
    with pytest.raises(MalformedItem, match=r"no JSON: .*; got '\[DONE\]'"):
        decoder.feed(b"")
    assert decoder.close() == [custom(2)]
    assert decoder.feed(b"data\n\ndata:  \n\n") == []


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_frame_may_not_be_endless(step):
    data = b"data: " + b"x" * 100 + b"\ndata: y\n\n" + b"data: 1234567\n" * 9 + b"\ndata: z\n\n"
    decoder = sse.FrameDecoder(max_line=40)
    found = [it for n in range(0, len(data), step) for it in decoder.feed(data[n : n + step])]
    assert [str(it) for it in found] == [
        "a line of more than 40 bytes; pass max_line= to read longer ones",
        "a frame of more than 40 bytes; pass max_line= to read longer ones",
        "Frame(data='z', event='message', id='')",
    ]


def test_the_decoder_tells_what_to_say_after_a_lost_connection():
    decoder = sse.Decoder()
    assert (decoder.last_event_id, decoder.retry) == ("", None)
    decoder.feed(b"retry: 250\n" + sse.encode(custom(1), id=9))
    assert (decoder.last_event_id, decoder.retry) == ("9", 250)


def test_a_frame_of_exactly_the_most_bytes_is_read():
    decoder = sse.FrameDecoder(max_line=10)
    fitting, long = b"data:12345\n\n", b"data:12345\ndata:6\n\n"
    assert [it.data for it in decoder.feed(fitting)] == ["12345"]
    (refused,) = sse.FrameDecoder(max_line=10).feed(long)
    assert isinstance(refused, MalformedItem)


def test_no_cache_and_no_proxy_keeps_a_stream_back() -> None:
    kept = {name: sse.HEADERS[name] for name in ("cache-control", "x-accel-buffering")}
    assert kept == {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
