"""One event, one line: the same events come back, wherever the bytes were cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from random_events import EVENTS, PLACES, cut
from streamkit import Custom, Event, MalformedItem, Origin, TextDelta, normalize
from streamkit.wire import ndjson, to_dict
from streamkit.wire._lines import Lines


def custom(data: object) -> Custom:
    return Custom(origin=Origin(), timestamp=0.5, data=data)


def line(data: object) -> bytes:
    return ndjson.encode(custom(data))


def outcomes(pieces: list[bytes], **options: Any) -> list[Any]:
    """The payloads and errors that come out of pieces, one after the other."""
    decoder = ndjson.Decoder(**options)
    found: list[Any] = []
    for piece in pieces:
        _drain(lambda piece=piece: decoder.feed(piece), lambda: decoder.feed(b""), found)
    _drain(decoder.close, decoder.close, found)
    return found


def _drain(call: Any, again: Any, found: list[Any]) -> None:
    while True:
        try:
            events: list[Event] = call()
        except MalformedItem as error:
            found.append(type(error))
        else:
            found.extend(event.data if isinstance(event, Custom) else event for event in events)
            if not events:
                return
        call = again


# --- encoding


def test_a_line_is_the_event_as_json_and_one_lf():
    event = custom({"text": "a\r\nb\u2028\u2029\x85", "n": 2**60})
    data = ndjson.encode(event)
    assert data == (
        b'{"type":"custom","timestamp":0.5,'
        b'"data":{"text":"a\\r\\nb\\u2028\\u2029\\u0085","n":1152921504606846976}}\n'
    )
    assert data.decode().splitlines() == [data[:-1].decode()]
    assert json.loads(data) == to_dict(event)


@given(EVENTS, st.booleans())
def test_the_encoder_writes_what_encode_writes(event, private):
    (data,) = ndjson.encoder(private=private).stage()(event)
    assert data == ndjson.encode(event, private=private)
    assert data.count(b"\n") == 1
    assert json.loads(data) == to_dict(event, private=private)


CHUNKS = ["Hel", "lo"]


def test_a_stream_becomes_lines():
    events = list(normalize(CHUNKS, clock=lambda: 0.5))
    write, (id,) = (
        ndjson.encoder().stage(),
        {it.message_id for it in events if isinstance(it, TextDelta)},
    )
    lines = [line for event in events for line in write(event)]
    assert b"".join(lines).replace(id.encode(), b"message-1") == (
        b'{"type":"run.start","timestamp":0.5}\n'
        b'{"type":"message.start","timestamp":0.5,"message_id":"message-1"}\n'
        b'{"type":"text.start","timestamp":0.5,"message_id":"message-1","block_id":0}\n'
        b'{"type":"text.delta","timestamp":0.5,"message_id":"message-1","block_id":0,"text":"Hel"}\n'
        b'{"type":"text.delta","timestamp":0.5,"message_id":"message-1","block_id":0,"text":"lo"}\n'
        b'{"type":"text.end","timestamp":0.5,"message_id":"message-1","block_id":0,"text":"Hello"}\n'
        b'{"type":"message.end","timestamp":0.5,"message_id":"message-1","status":"completed","text":"Hello"}\n'
        b'{"type":"run.end","timestamp":0.5,"status":"completed","output":"Hello"}\n'
    )
    assert ndjson.Decoder().feed(b"".join(lines)) == events


def test_an_async_stream_becomes_the_same_lines():
    async def source() -> AsyncIterator[str]:
        for chunk in CHUNKS:
            yield chunk

    async def read() -> list[bytes]:
        return [it async for it in normalize(source(), clock=lambda: 0.5).pipe(ndjson.encoder())]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamkit._core.brackets.uuid4", lambda: "m")
        assert asyncio.run(read()) == list(
            normalize(CHUNKS, clock=lambda: 0.5).pipe(ndjson.encoder())
        )


def test_the_words_of_an_internal_model_are_no_lines():
    part: Any = {"origin": Origin(internal=True), "timestamp": 0.5, "message_id": "m"}
    for private, count in ((False, 0), (True, 1)):
        encode = ndjson.encoder(private=private).stage()
        assert len(encode(TextDelta(**part, block_id=0, text="hush"))) == count
        assert len(encode(Custom(origin=part["origin"], timestamp=0.5, data=1))) == count


def test_an_encoder_keeps_few_origins():
    encode = ndjson.encoder().stage()
    for n in range(2000):
        event = Custom(origin=Origin(run_id=str(n)), timestamp=0.5, data=n)
        assert encode(event) == (ndjson.encode(event),)
    assert len(encode.__self__._redact._origins) <= 256


# --- decoding


@given(st.lists(EVENTS, max_size=5), PLACES)
def test_events_come_back_wherever_the_bytes_were_cut(events, places):
    data = b"".join(ndjson.encode(event, private=True) for event in events)
    decoder = ndjson.Decoder()
    found = [event for piece in cut(data, places) for event in decoder.feed(piece)]
    assert found + decoder.close() == events


def test_every_byte_may_come_alone():
    data = line("a\u2028é") + line({"b": "\r\n"})
    decoder = ndjson.Decoder()
    found = [(n, event.data) for n in range(len(data)) for event in decoder.feed(data[n : n + 1])]
    assert found == [(len(line("a\u2028é")) - 1, "a\u2028é"), (len(data) - 1, {"b": "\r\n"})]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\n \t\r\n", []),
        (line(1).replace(b"\n", b"\r\n") + b"\r\n" + line(2), [1, 2]),
        (b"\xef\xbb\xbf" + line(1), [1]),
        (line(1)[:-1], [1]),
        (b"  " + line(1), [1]),
        (line(1) + b"{\n" + line(2), [1, MalformedItem, 2]),
        (b"\xff\n", [MalformedItem]),
        (b"[1]\n", [MalformedItem]),
        (b'{"type":"text.delta"}\n', [MalformedItem]),
        (line(1).replace(b"\n", b"\r") + line(2), [MalformedItem]),
        (line("a\u2028b").replace(b"\\u2028", "\u2028".encode()), ["a\u2028b"]),
        (line(1) + line(2)[:-3], [1, MalformedItem]),
        (b"x\ny\n" + line(1) + b"z\n", [MalformedItem, MalformedItem, 1, MalformedItem]),
        (line(1)[:-1] + b" " * 200 + b"\n" + line(2), [MalformedItem, 2]),
        (b"x" * 1000, [MalformedItem]),
        (b"x" * 1000 + b"\n" + line(2), [MalformedItem, 2]),
    ],
)
def test_lines_good_and_bad(data, expected):
    whole = outcomes([data], max_line=100)
    assert whole == expected
    assert outcomes([data[n : n + 1] for n in range(len(data))], max_line=100) == expected


@given(st.lists(st.sampled_from([line(1), line([2]), b"x\n", b"\r\n", b"\n", b"{", b"y" * 90, b"\xef\xbb\xbf"])), PLACES)  # fmt: skip
def test_cuts_change_nothing(parts, places):
    data = b"".join(parts)
    assert outcomes(cut(data, places), max_line=100) == outcomes([data], max_line=100)


def test_an_error_says_what_is_wrong_and_holds_the_line():
    with pytest.raises(MalformedItem, match=r"no JSON: .*; got b'{nope'") as caught:
        ndjson.Decoder().feed(b"{nope\n")
    assert caught.value.item == b"{nope"
    with pytest.raises(MalformedItem, match="a line of more than 10 bytes; pass max_line="):
        ndjson.Decoder(max_line=10).feed(b"x" * 11)


def test_a_long_line_in_small_pieces_takes_no_longer_than_in_one():
    lines = Lines(2**26)
    for _ in range(200_000):
        assert lines.feed(b"xyz") == []
    assert [len(it) for it in lines.feed(b"\n")] == [600_000]


def test_of_a_line_that_is_too_long_nothing_is_kept():
    lines = Lines(1000)
    for _ in range(100):
        lines.feed(b"x" * 100)
    assert lines._parts == []


@pytest.mark.parametrize("other", [{"message_id": "n"}, {"block_id": 1}, {"origin": Origin()}])
def test_a_piece_of_another_block_is_written_as_such(other: Any) -> None:
    about: dict[str, Any] = {"origin": Origin(node="a"), "timestamp": 0.5, "message_id": "m"}
    about |= {"block_id": 0, "text": "Hi"}
    pieces = [TextDelta(**about), TextDelta(**about | other)]
    write = ndjson.encoder().stage()
    lines = b"".join(it for piece in pieces for it in write(piece))
    assert ndjson.Decoder().feed(lines) == pieces
