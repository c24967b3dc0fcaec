"""OpenAI's clients over a real connection, with the server of the page about them."""

from __future__ import annotations

import asyncio
import json
import runpy
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("openai", reason="openai is not installed")

import openai
import uvicorn
from fastapi import FastAPI
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from js_clients import Clients, clients  # noqa: F401  (a fixture)
from loopback_server import served, until
from page_programs import ROOT, programs
from streamkit import BadRequest, UsageError
from streamkit.serve import EventResponse, Runs, bad_request
from streamkit.wire import ai_sdk, openai_chunks, openai_responses, sse

HI: Any = [{"role": "user", "content": "Two days in Bologna"}]
LAST = "On Monday take the 9:05 train"


def page(folder: Path) -> dict[str, Any]:
    """The names of the server in the page."""
    path = ROOT / "docs" / "wire-openai.md"
    code = next(it.code for it in programs() if it.page == path and "FastAPI()" in it.code)
    (folder / "server.py").write_text(code)
    return runpy.run_path(str(folder / "server.py"))


def pays(state: MessagesState) -> Any:
    answer = interrupt({"action_requests": [{"name": "pay", "args": {"sum": 7}}]})
    return {"messages": [AIMessage(f"{answer['decisions'][0]['type']}; {len(state['messages'])}")]}


def breaks(state: MessagesState) -> Any:
    FAILURES.append(state)
    raise ValueError("the password is 1234")


FAILURES: list[Any] = []


def graph_of(node: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder.compile(checkpointer=InMemorySaver())


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    names = page(tmp_path_factory.mktemp("server"))
    names["agents"] |= {"pays": graph_of(pays), "breaks": graph_of(breaks)}
    config = uvicorn.Config(names["app"], port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[Any]:
    with openai.OpenAI(base_url=url, api_key="none") as made:
        yield made


def test_chat_completions_streamed_and_not(client: Any) -> None:
    assert [it.id for it in client.models.list()] == ["trip-planner", "pays", "breaks"]
    whole = client.chat.completions.create(model="trip-planner", messages=HI)
    options = {"include_usage": True}
    with client.chat.completions.stream(
        model="trip-planner", messages=HI, stream_options=options
    ) as stream:
        streamed = stream.get_final_completion()
    for found in (whole, streamed):
        assert LAST in found.choices[0].message.content
        assert found.choices[0].finish_reason == "stop"
    assert whole.usage == streamed.usage
    assert whole.usage.total_tokens > 0


def test_responses_streamed_and_not(client: Any) -> None:
    whole = client.responses.create(model="trip-planner", input="Two days in Bologna")
    with client.responses.stream(model="trip-planner", input="Two days in Bologna") as stream:
        events = list(stream)
        streamed = stream.get_final_response()
    for found in (whole, streamed):
        assert LAST in found.output[-1].content[0].text
        tools = [it for it in found.output if it.type == "mcp_call"]
        assert sum(it.status == "failed" for it in tools) == 1
        assert sum(it.output is not None for it in tools) == len(tools) - 1 > 0
    again = list(client.responses.retrieve(streamed.id, stream=True, starting_after=9))
    assert [it.sequence_number for it in again] == [it.sequence_number for it in events[9:]]
    later = client.responses.retrieve(streamed.id)
    assert [it.id for it in later.output] == [it.id for it in streamed.output]
    assert later.output_text == streamed.output_text


def test_a_client_that_lost_the_connection_reads_the_rest(client: Any) -> None:
    asked = {"model": "trip-planner", "input": "Two days in Bologna", "stream": True}
    with client.responses.create(**asked) as stream:
        seen = [next(stream) for _ in range(20)]
    id = seen[0].response.id
    rest = list(client.responses.retrieve(id, stream=True, starting_after=20))
    numbers = [it.sequence_number for it in (*seen, *rest)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert rest[-1].type == "response.completed"
    with client.responses.stream(response_id=id, starting_after=20) as stream:
        assert [it.sequence_number for it in stream] == numbers[20:]
        assert stream.get_final_response().output_text == rest[-1].response.output_text


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_node_client(clients: Clients, url: str, api: str, whole: bool) -> None:  # noqa: F811
    found = clients.read("openai", url=url, api=api, whole=whole, model="trip-planner")
    text = found["text"] if api == "responses" else found["completion"]["choices"][0]["message"]
    assert LAST in str(text)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_langchains_own_client(url: str, api: str) -> None:
    pytest.importorskip("langchain_openai", reason="langchain-openai is not installed")
    from langchain_openai import ChatOpenAI

    options: Any = {"use_responses_api": True} if api == "responses" else {"stream_usage": True}
    model = ChatOpenAI(model="trip-planner", base_url=url, api_key="none", **options)
    whole = model.invoke("Two days in Bologna")
    streamed = None
    for chunk in model.stream("Two days in Bologna"):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed
    assert LAST in whole.text
    assert sorted(streamed.text) == sorted(whole.text)  # (parallel models: whoever was first)
    assert streamed.usage_metadata == whole.usage_metadata
    ran = [it["type"] for it in whole.content_blocks if it["type"].startswith("server_tool")]
    assert len(ran) == (8 if api == "responses" else 0)
    assert whole.tool_calls == []


def test_a_conversation_goes_on_where_it_was_left(client: Any) -> None:
    asked = client.responses.create(model="pays", input="Hi", instructions="Be nice")
    [request] = asked.output
    assert (request.type, request.name, request.arguments) == (
        "mcp_approval_request", "pay", '{"sum":7}',
    )  # fmt: skip
    given: Any = {"type": "mcp_approval_response", "approval_request_id": request.id}
    done = client.responses.create(
        model="pays", previous_response_id=asked.id, input=[{**given, "approve": False}]
    )
    assert done.output_text == "reject; 2"
    assert done.previous_response_id == asked.id
    with pytest.raises(openai.BadRequestError, match="to all questions of an interrupt"):
        client.responses.create(
            model="pays", previous_response_id=asked.id, input=[{**given, "approve": True}]
        )


def test_what_is_refused_says_why(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="there is no model 'x'"):
        client.chat.completions.create(model="x", messages=HI)
    with pytest.raises(openai.BadRequestError, match="leave 'n' out"):
        client.chat.completions.create(model="pays", messages=HI, n=2)
    with pytest.raises(openai.NotFoundError, match="no such run"):
        client.responses.retrieve("resp_1")


def test_a_run_that_failed_is_not_run_again(client: Any) -> None:
    FAILURES.clear()
    with pytest.raises(openai.InternalServerError, match="ValueError") as chat:
        client.chat.completions.create(model="breaks", messages=HI)
    with pytest.raises(openai.InternalServerError, match="ValueError") as response:
        client.responses.create(model="breaks", input="Hi")
    assert len(FAILURES) == 2
    assert "1234" not in f"{chat.value.body}{response.value.body}"


def test_a_response_can_be_cancelled(client: Any) -> None:
    made = client.responses.create(model="pays", input="Hi")
    assert client.responses.cancel(made.id).status == "cancelled"


# --- one document


class Slow:
    """A source that says one word and then waits for ever."""

    def __init__(self) -> None:
        self.is_closed = self.has_begun = False

    async def stream(self) -> AsyncIterator[str]:
        try:
            yield "Hi"
            self.has_begun = True
            await asyncio.sleep(60)
        finally:
            self.is_closed = True


def scope(method: str = "POST") -> Any:
    return {"type": "http", "method": method, "headers": [], "path": "/"}


async def test_a_client_that_leaves_before_its_document_stops_the_graph() -> None:
    slow = Slow()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await EventResponse(slow.stream(), openai_chunks, stream=False)(scope, receive, send)

    async with served(app) as http:
        asking = asyncio.ensure_future(http.post("/"))
        await until(lambda: slow.has_begun)
        asking.cancel()
        await until(lambda: slow.is_closed)


@pytest.mark.parametrize("wire", [openai_chunks, openai_responses])
async def test_a_server_that_stops_sends_a_document_that_says_so(wire: Any) -> None:
    slow, sent = Slow(), list[Any]()

    async def receive() -> Any:
        await asyncio.sleep(60)

    async def send(message: Any) -> None:
        sent.append(message)

    response = EventResponse(slow.stream(), wire, stream=False)
    task = asyncio.ensure_future(response(scope(), receive, send))
    await until(lambda: slow.has_begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    start, body = sent
    assert start["status"] == 500
    assert (b"content-type", b"application/json") in start["headers"]
    assert json.loads(body["body"])["error"]["message"] == "cancelled"


async def test_a_request_for_the_headers_of_a_document_runs_nothing() -> None:
    slow, sent = Slow(), list[Any]()

    async def send(message: Any) -> None:
        sent.append(message)

    await EventResponse(slow.stream(), openai_chunks, stream=False)(scope("HEAD"), send, send)
    assert not slow.has_begun
    assert [it.get("status") for it in sent] == [200, None]


def test_the_request_decides_whether_there_is_a_stream() -> None:
    body = {"model": "m", "messages": HI}
    for stream, kind in ((False, "application/json"), (True, "text/event-stream")):
        request = openai_chunks.read_request({**body, "stream": stream})
        response = EventResponse(["Hi"], openai_chunks, request=request)
        assert response.headers["content-type"] == kind
        assert response.headers["x-should-retry"] == "false"


async def test_formats_without_a_document_say_so() -> None:
    with pytest.raises(UsageError, match="leave stream=False out"):
        EventResponse(["Hi"], sse, stream=False)
    with pytest.raises(UsageError, match="leave stream=False out"):
        Runs(ai_sdk).response("x", stream=False)


async def test_an_id_that_is_taken_is_refused() -> None:
    runs = Runs(openai_chunks)
    await runs.start(Slow().stream(), id="resp_1")
    with pytest.raises(BadRequest, match="resp_1") as found:
        runs.start(Slow().stream(), id="resp_1")
    assert found.value.status == 409
    await runs.aclose()


@pytest.mark.parametrize("wire", [openai_chunks, openai_responses])
async def test_a_long_run_is_read_from_its_beginning_in_few_frames(wire: Any) -> None:
    async def words() -> AsyncIterator[str]:
        for n in range(200):
            yield f"{n} "

    runs = Runs(wire, max_frames=8)
    id = await runs.start(words())

    app = FastAPI(exception_handlers={BadRequest: bad_request})
    app.get("/")(lambda: runs.response(id))
    app.get("/whole")(lambda: runs.response(id, stream=False))
    async with served(app) as http:
        document = (await http.get("/whole")).json()  # waits for the end
        whole = (await http.get("/")).content
        lost = await http.get("/", headers={"last-event-id": "5"})
    assert whole.count(b"\n\n") < 20
    assert wire.document(whole) == (200, document)
    assert "199 " in json.dumps(document)
    assert lost.status_code == 410
    await runs.aclose()
