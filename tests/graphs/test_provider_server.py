"""The loopback providers: the server, the bodies, their readers, and the real clients on them.

What the clients and `chunk + chunk` get wrong is asserted as it is, so that a repair is noticed.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from providers.bodies import CASES, Case
from providers.chunk_facts import read_chunks
from providers.expected import read_anthropic, read_openai_responses, read_sse
from providers.server import AWS, SSE, Body, ProviderServer, Received

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import AIMessageChunk

each_case = pytest.mark.parametrize("name", CASES)
each_client = pytest.mark.parametrize("name", ["chat_text", "responses_text", "anthropic_text"])


@pytest.fixture(scope="module")
def shared() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def server(shared: ProviderServer) -> Iterator[ProviderServer]:
    yield shared
    shared.reset()


@pytest.fixture
def own_server() -> Iterator[ProviderServer]:
    """For the asynchronous clients, whose cached connections belong to one event loop."""
    with ProviderServer() as server:
        yield server


# -- the server -------------------------------------------------------------------------------


def post(server: ProviderServer, path: str = "/v1/x", told: Any = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    connection.request("POST", path, json.dumps(told or {}), {"content-type": "application/json"})
    return connection.getresponse()


def finished(server: ProviderServer, nth: int = 0) -> Received:
    received = server.requests[nth]
    assert received.done.wait(5)
    return received


def test_bodies_are_played_in_order_and_requests_recorded(server):
    server.play(Body(b"data: 1\n\n"), Body(b"data: 2\n\n"))
    replies = [post(server, "/v1/a?b=c", {"nth": nth}) for nth in range(2)]
    assert [reply.read() for reply in replies] == [b"data: 1\n\n", b"data: 2\n\n"]
    assert replies[0].headers["content-type"] == SSE
    assert [(seen.path, seen.json) for seen in server.requests] == [
        ("/v1/a?b=c", {"nth": 0}),
        ("/v1/a?b=c", {"nth": 1}),
    ]
    assert finished(server).outcome == "sent"


def test_a_body_of_a_path_waits_for_that_path(server):
    server.play(Body(b"a"), path="/v1/a")
    server.play(Body(b"any"))
    assert [post(server, path).read() for path in ("/v1/b", "/v1/a?x=1")] == [b"any", b"a"]


def test_an_unscripted_request_is_answered_with_an_error(server):
    reply = post(server, "/v1/x")
    assert (reply.status, b"no body left for /v1/x" in reply.read()) == (500, True)


def test_an_error_has_its_status_and_headers(server):
    server.play(Body.error(429, "slow down"))
    reply = post(server)
    assert (reply.status, reply.headers["retry-after"]) == (429, "0")
    assert json.loads(reply.read())["error"]["message"] == "slow down"


def test_a_cut_body_is_incomplete_for_its_reader(server):
    server.play(Body(b"data: 1\n\ndata: 2\n\n").cut(12))
    with pytest.raises(http.client.IncompleteRead) as caught:
        post(server).read()
    assert caught.value.partial == b"data: 1\n\ndat"
    assert finished(server).outcome == "cut"


@pytest.mark.parametrize(("suffix", "kind"), [("sse", SSE), ("eventstream", AWS)])
def test_a_recorded_body_is_served_from_its_file(server, tmp_path, suffix, kind):
    path = tmp_path / f"body.{suffix}"
    path.write_bytes(bytes(range(256)))
    server.play(Body.from_file(path))
    reply = post(server)
    assert (reply.headers["content-type"], reply.read()) == (kind, bytes(range(256)))


def test_a_body_is_written_event_by_event_unless_told_otherwise():
    body = Body("data: ü\n\nevent: b\r\ndata: 🚀\r\n\r\nrest".encode())
    assert [piece[-4:] for piece in body.pieces()] == [b"\xc3\xbc\n\n", b"\r\n\r\n", b"rest"]
    assert list(body.at(3, 7).pieces()) == [b"dat", b"a: \xc3", body.data[7:]]
    assert list(body.cut(7).pieces()) == [b"data: \xc3"]


@pytest.mark.parametrize("seed", range(5))
def test_random_pieces_make_up_the_body(seed):
    body = Body(CASES["chat_text"].body).shuffled(seed)
    assert b"".join(body.pieces()) == body.data
    assert len(list(body.pieces())) == 20
    assert list(body.pieces()) == list(body.shuffled(seed).pieces())


def test_closing_does_not_wait_for_a_slow_body(capfd):
    begun = time.monotonic()
    with ProviderServer([Body(b"data: 1\n\ndata: 2\n\n").slow(60)]) as server:
        assert post(server).read1() == b"data: 1\n\n"
    assert time.monotonic() - begun < 50
    assert finished(server).outcome == "left"
    assert capfd.readouterr() == ("", "")


def test_a_client_that_leaves_is_recorded_in_silence(server, capfd):
    server.play(Body(b"data: 1\n\n" * 50).slow(0.01))
    post(server).close()
    assert finished(server).outcome == "left"
    assert capfd.readouterr() == ("", "")


def test_a_fault_of_the_server_surfaces_when_it_closes():
    server = ProviderServer([Body("no bytes")])  # type: ignore[arg-type]
    with pytest.raises(TypeError), server:
        post(server).close()


# -- the readers ------------------------------------------------------------------------------


@each_case
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_body_says_what_it_is_meant_to_say(name, line_end):
    case = CASES[name]
    assert replace(case, body=case.body.replace(b"\n", line_end)).read() == case.expected


def test_events_follow_the_standard():
    body = (
        b"\xef\xbb\xbf: comment\nevent: a\ndata: 1\ndata:  2\nid: 7\nretry: 9\n\n"
        b"event: without data\n\ndata\n\ndata: \xe2\x80\xa8\n\ndata: unfinished"
    )
    assert list(read_sse(body)) == [("a", "1\n 2"), ("message", ""), ("message", "\u2028")]


def test_what_stands_at_the_start_of_a_block_or_item_counts():
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}
    begin = {"type": "content_block_start", "index": 0, "content_block": block}
    assert read_anthropic(event(begin)).tool_calls == (("t", "f", '{"a": 1}'),)
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    assert read_openai_responses(event(added)).tool_calls == (("c", "f", "{}"),)


def event(data: Any) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


# -- the real clients -------------------------------------------------------------------------


def stream(
    server: ProviderServer, case: Case, body: Body | None = None, **kw: Any
) -> tuple[list[AIMessageChunk], Exception | None]:
    """The client's chunks, and what it raised after them."""
    chunks: list[AIMessageChunk] = []
    try:
        chunks.extend(case.model(server, body, **kw).stream("hi"))
    except Exception as error:
        return chunks, error
    return chunks, None


def check(case: Case, chunks: list[AIMessageChunk], error: Exception | None) -> None:
    assert read_chunks(chunks) == case.seen
    assert (error is None) is (case.expected.error is None), error
    assert case.expected.error is None or case.expected.error in str(error)


@each_case
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_the_client_sees_the_facts_of_the_body(server, name, version):
    check(CASES[name], *stream(server, CASES[name], output_version=version))


@each_case
async def test_the_client_sees_them_when_awaited(own_server, name):
    chunks: list[AIMessageChunk] = []
    error = None
    try:
        async for chunk in CASES[name].model(own_server).astream("hi"):
            chunks.append(chunk)
    except Exception as raised:
        error = raised
    check(CASES[name], chunks, error)


@each_case
def test_the_client_does_not_mind_where_the_body_is_split(server, name):
    body = Body(CASES[name].body).shuffled(seed=7, pieces=60)
    check(CASES[name], *stream(server, CASES[name], body))


@each_client
def test_the_client_reads_byte_by_byte(server, name):
    crlf = CASES[name].body.replace(b"\n", b"\r\n")
    body = Body(crlf).at(*range(len(crlf)))
    check(CASES[name], *stream(server, CASES[name], body))


def test_the_known_losses_of_the_clients_are_these():
    assert {(name, *case.differs) for name, case in CASES.items() if case.differs} == {
        ("chat_two_choices", "text"),
        ("chat_refusal", "refusal"),
        ("chat_reasoning_content", "reasoning"),
        ("responses_reasoning_text", "reasoning"),
        ("responses_custom_tool_call", "tool_calls"),
        ("responses_failed", "finish_reason"),
        ("anthropic_usage_at_start", "usage"),
        ("anthropic_no_finish", "usage"),
        ("anthropic_error", "usage"),
    }


def test_the_requests_ask_for_what_the_bodies_answer(server):
    for name in ("chat_two_choices", "responses_text", "anthropic_thinking"):
        stream(server, CASES[name])
    chat, responses, messages = server.requests
    assert (chat.path, chat.json["n"]) == ("/v1/chat/completions", 2)
    assert chat.json["stream_options"] == {"include_usage": True}
    assert (responses.path, responses.json["stream"]) == ("/v1/responses", True)
    assert (messages.path, messages.json["thinking"]["type"]) == ("/v1/messages", "enabled")


# -- adding chunks up -------------------------------------------------------------------------

MERGED: dict[str, dict[str, Any]] = {
    "chat_two_choices": {"finish_reason": "stopstop"},
    "chat_usage_every_chunk": {"usage": (80, 9)},  # cumulative counts, added
    "chat_repeated_name": {
        "tool_calls": (("call_a", "weatherweather", '{"city": "Zürich 🏔"}'),),
    },
    "chat_index_zero_split": {
        "tool_calls": (
            ("call_a", "weather", '{"city": "Zürich 🏔"}{"tz": "CET"}'),
            ("call_b", "clock", ""),
        ),
    },
}


def add_up(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    first, *rest = chunks
    for chunk in rest:
        first += chunk
    return first


@each_case
def test_adding_the_chunks_up_keeps_the_facts_but_for_these(server, name):
    case = CASES[name]
    chunks, _ = stream(server, case)
    assert read_chunks([add_up(chunks)]) == replace(case.seen, **MERGED.get(name, {}))


@pytest.mark.parametrize("name", ["chat_cut_args", "anthropic_cut_args"])
def test_cut_arguments_look_valid_once_added_up(server, name):
    chunks, _ = stream(server, CASES[name])
    whole = add_up(chunks)
    assert [call["args"] for call in whole.tool_calls] == [{"city": "Zür"}]
    assert whole.invalid_tool_calls == []


def test_mixed_content_loses_its_strings_as_content_blocks(server):
    """A server tool that the request did not name: text comes as strings, the rest as blocks."""
    case = replace(CASES["anthropic_web_search"], options={})
    with pytest.warns(UserWarning, match="unexpected tool content block"):
        chunks, _ = stream(server, case)
    assert {type(chunk.content) for chunk in chunks} == {str, list}
    assert read_chunks(chunks) == case.seen
    whole = add_up(chunks)
    assert [part for part in whole.content if isinstance(part, str)] == [
        "Let me look. 🔎",
        "It is sunny ☀️. Bye.",
    ]
    assert "".join(block.get("text", "") for block in whole.content_blocks) == ""


# -- when it goes wrong -----------------------------------------------------------------------

CLASSES = {
    ("chat_text", 429): "RateLimitError",
    ("chat_text", 500): "InternalServerError",
    ("responses_text", 429): "RateLimitError",
    ("responses_text", 500): "InternalServerError",
    ("anthropic_text", 429): "RateLimitError",
    ("anthropic_text", 500): "InternalServerError",
    ("anthropic_text", 529): "OverloadedError",
}


@pytest.mark.parametrize(("name", "status"), CLASSES)
def test_an_error_status_raises_the_sdks_exception(server, name, status):
    chunks, error = stream(server, CASES[name], Body.error(status, "not now"))
    assert (chunks, getattr(error, "status_code", None)) == ([], status)
    assert CLASSES[name, status] in {cls.__name__ for cls in type(error).__mro__}
    assert "not now" in str(error)


MIDSTREAM = {
    "chat_error": ("APIError", None),
    "responses_error": ("ValueError", None),
    "responses_failed": ("ValueError", None),
    # Not the OverloadedError of a 529: the status is that of the stream's beginning.
    "anthropic_error": ("APIStatusError", 200),
}


@pytest.mark.parametrize("name", MIDSTREAM)
def test_an_error_in_the_stream_raises_whatever_the_client_finds_fit(server, name):
    _, error = stream(server, CASES[name])
    assert (type(error).__name__, getattr(error, "status_code", None)) == MIDSTREAM[name]


@each_client
def test_a_cut_body_raises_after_its_chunks(server, name):
    case = CASES[name]
    chunks, error = stream(server, case, Body(case.body).cut(len(case.body) * 2 // 3))
    assert read_chunks(chunks).text.startswith("Grüße")
    # ChatAnthropic lets the HTTP library's own exception through.
    names = {cls.__name__ for cls in type(error).__mro__}
    assert names & {"APIConnectionError", "RemoteProtocolError"}
    assert finished(server).outcome == "cut"


@pytest.mark.parametrize("name", [name for name in CASES if name.endswith("no_finish")])
def test_a_stream_without_an_end_passes_for_a_whole_one(server, name):
    # No exception, and core itself adds the chunk that is marked as the last.
    chunks, error = stream(server, CASES[name])
    assert (error, chunks[-1].chunk_position) == (None, "last")


@each_client
def test_a_body_without_events_raises(server, name):
    chunks, error = stream(server, CASES[name], Body(b": nothing\n\n"))
    assert (chunks, str(error)) == ([], "No generation chunks were returned")


@each_client
def test_the_client_retries_before_the_stream_has_begun(server, name):
    case = CASES[name]
    model = case.model(server, Body.error(429, "not now"), max_retries=1)
    server.play(Body(case.body))
    assert read_chunks(model.stream("hi")) == case.seen
    assert len(server.requests) == 2


@each_client
def test_leaving_the_stream_closes_the_connection(server, name):
    chunks = CASES[name].model(server, Body(CASES[name].body).slow(0.03)).stream("hi")
    next(chunks)
    chunks.close()
    assert finished(server).outcome == "left"


@each_client
async def test_leaving_the_awaited_stream_closes_the_connection(own_server, name):
    chunks = CASES[name].model(own_server, Body(CASES[name].body).slow(0.03)).astream("hi")
    await anext(chunks)
    await chunks.aclose()
    assert (await asyncio.to_thread(finished, own_server)).outcome == "left"
