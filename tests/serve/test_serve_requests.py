"""What clients send: within limits, and refused in words that tell nothing of the server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("fastapi", reason="fastapi is not installed")

from fastapi import FastAPI, Request

from loopback_server import served
from streamkit import BadRequest, UsageError
from streamkit.serve import bad_request, read_body, read_json


class Struct(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(max_length=5)]


@dataclass
class Plain:
    text: str
    number: int = 0


class Model(pydantic.BaseModel):
    text: Annotated[str, pydantic.Field(max_length=5)]

    @pydantic.field_validator("text")
    @classmethod
    def breaks(cls, text: str) -> str:
        if text == "hush":
            raise RuntimeError("/srv/secret is not there")
        return text


JSON = {"content-type": "application/json; charset=utf-8"}
KINDS: dict[str, Any] = {"struct": Struct, "plain": Plain, "model": Model}


def server() -> FastAPI:
    app = FastAPI()
    app.add_exception_handler(BadRequest, bad_request)

    @app.post("/json/{kind}")
    async def read(request: Request, kind: str) -> dict[str, str]:
        ask = await read_json(request, KINDS[kind], max_bytes=100)
        assert type(ask) is KINDS[kind]
        return {"text": ask.text}

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await read_body(request, max_bytes=100))

    return app


@pytest.mark.parametrize("kind", KINDS)
async def test_what_fits_becomes_an_object(kind):
    async with served(server()) as client:
        answer = await client.post(f"/json/{kind}", json={"text": "Hi"})
    assert (answer.status_code, answer.json()) == (200, {"text": "Hi"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "the body is no JSON"),
        (b"{", 400, "the body is no JSON"),
        (b'"\xff"', 400, "the body is no JSON"),
        (b"[" * 99, 400, "the body is no JSON"),
        (b"x" * 101, 413, "the body has more than 100 bytes"),
        (b"null", 422, "the body does not fit: "),
        (b"[]", 422, "the body does not fit: "),
        (b"{}", 422, "the body does not fit: "),
        (b'{"text": 1}', 422, "the body does not fit: "),
    ],
)
async def test_junk_is_refused_and_told_why(kind, body, status, says):
    async with served(server()) as client:
        answer = await client.post(f"/json/{kind}", content=body, headers=JSON)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(says)
    assert list(answer.json()) == ["error"]
    for word in (
        "http",
        "Traceback",
        "File",
        "/",
        "pydantic",
        "msgspec",
        "Struct",
        "Model",
        "Plain",
    ):
        assert word not in answer.text


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("struct", {"text": "Hello!"}, "Expected `str` of length <= 5 - at `$.text`"),
        ("plain", {"text": "a", "number": "b"}, "Expected `int`, got `str` - at `$.number`"),
        ("model", {"text": "Hello!"}, "String should have at most 5 characters - at $.text"),
        ("model", {"text": "hush"}, "it is not what is expected here"),
    ],
)
async def test_a_misfit_is_told_where_and_nothing_else(kind, body, error):
    async with served(server()) as client:
        answer = await client.post(f"/json/{kind}", json=body)
    assert (answer.status_code, answer.json()) == (
        422,
        {"error": f"the body does not fit: {error}"},
    )


@dataclass
class Around:
    model: Model
    more: Around | None = None


def request_of(data: Any) -> Request:
    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(data).encode()}

    headers = [(b"content-type", b"application/json")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize(
    ("kind", "data", "read"),
    [
        (list[Model], [{"text": "Hi"}], [Model(text="Hi")]),
        (Model | list[Model], {"text": "Hi"}, Model(text="Hi")),
        (Around, {"model": {"text": "Hi"}}, Around(Model(text="Hi"))),
        (list[Plain], [{"text": "Hi"}], [Plain("Hi")]),
    ],
)
async def test_types_that_are_made_of_others_are_read(kind: Any, data: Any, read: Any):
    assert await read_json(request_of(data), kind) == read
    with pytest.raises(BadRequest, match="does not fit") as refused:
        await read_json(request_of(7), kind)
    assert refused.value.status == 422


async def test_what_is_no_type_of_data_is_no_error_of_the_client():
    with pytest.raises(UsageError, match="cannot read payloads as"):
        await read_json(request_of({}), object)


async def test_a_body_without_end_is_not_read_to_its_end():
    read = 0

    async def receive() -> Any:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    json: Any = {"type": "http", "headers": [(b"content-type", b"application/json")]}
    with pytest.raises(BadRequest, match="more than 100 bytes") as caught:
        await read_body(Request(json, receive), max_bytes=100)
    assert (caught.value.status, read) == (413, 2)
    with pytest.raises(BadRequest, match="must be declared") as caught:
        await read_body(
            Request({"type": "http", "headers": [(b"content-type", b"text/plain")]}, receive)
        )
    assert (caught.value.status, read) == (415, 2)  # and is not read at all


async def test_a_body_is_bytes():
    async with served(server()) as client:
        assert (await client.post("/body", content=b"x" * 100, headers=JSON)).json() == 100


@pytest.mark.parametrize(
    "declared", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
@pytest.mark.parametrize("path", ["/json/plain", "/body"])
async def test_what_a_page_of_another_site_can_send_unasked_is_refused(declared, path):
    headers = {"content-type": declared} if declared else {}
    async with served(server()) as client:
        answer = await client.post(path, content=b'{"text": "Hi"}', headers=headers)
    assert (answer.status_code, answer.json()) == (
        415,
        {"error": "the body must be declared as content-type: application/json"},
    )


async def test_any_content_type_is_read_where_that_is_asked_for():
    async def receive() -> Any:
        return {"type": "http.request", "body": b"a,b", "more_body": False}

    request = Request({"type": "http", "headers": [(b"content-type", b"text/csv")]}, receive)
    assert await read_body(request, content_type="text/csv") == b"a,b"
    request = Request({"type": "http", "headers": []}, receive)
    assert await read_body(request, content_type=None) == b"a,b"


async def test_a_client_that_leaves_within_its_body_leaves_no_traceback(caplog):
    async with served(server(), log_config=None) as client:
        _, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write(
            b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            b"content-length: 90\r\n\r\n{"
        )
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await asyncio.sleep(0.1)
        assert (await client.post("/body", content=b"{}", headers=JSON)).json() == 2
    assert [record for record in caplog.records if record.exc_info] == []


async def test_what_is_no_bad_request_is_told_nothing_of():
    answer = await bad_request(Request({"type": "http"}), ValueError("hush"))
    assert (answer.status_code, answer.body) == (500, b'{"error":"internal error"}')
