"""The recipes of docs/serving.md with tools of Starlette and FastAPI: their programs, served."""

from __future__ import annotations

import asyncio
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed")
pytest.importorskip("langgraph", reason="langgraph is not installed")

import httpx

from loopback_server import served
from page_programs import programs
from streamkit import BadRequest
from streamkit.serve.requests import MAX_BODY
from streamkit.testing import Reply, ScriptedChatModel
from streamkit.wire import ai_sdk, sse

PAGE = "https://chat.example"


def recipe(tmp_path: Path, mark: str) -> dict[str, Any]:
    """The names of the page's program with this text in it, after it has run."""
    [found] = [it for it in programs() if it.page.name == "serving.md" and mark in it.code]
    path = tmp_path / "recipe.py"
    path.write_text(found.code, "utf-8")
    return runpy.run_path(str(path))


def asks(chat: str, text: str = "Two days in Bologna") -> dict[str, Any]:
    part = {"type": "text", "text": text}
    return {"id": chat, "messages": [{"id": "u1", "role": "user", "parts": [part]}]}


async def test_a_page_of_one_other_origin_is_let_in(tmp_path: Path) -> None:
    app = recipe(tmp_path, "CORSMiddleware")["app"]
    async with served(app) as client:
        for origin in (PAGE, "https://evil.example"):
            about = {
                "origin": origin,
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type",
            }
            allowed = await client.options("/api/chat", headers=about)
            assert (allowed.status_code == 200) is (origin == PAGE)
            answer = await client.post("/api/chat", json=asks("c1"), headers={"origin": origin})
            named = answer.headers.get("access-control-allow-origin")
            assert named == (PAGE if origin == PAGE else None)
            assert answer.text.endswith("data: [DONE]\n\n")
        refused = await client.post("/api/chat", json={"id": "c1"}, headers={"origin": PAGE})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, PAGE)


async def test_users_have_threads_of_their_own(tmp_path: Path) -> None:
    names = recipe(tmp_path, "HTTPBearer")
    ann, bob = ({"authorization": f"Bearer token of {it}"} for it in ("ann", "bob"))
    async with served(names["app"]) as client:
        for headers in ({}, {"authorization": "Bearer forged"}):
            for path in ("/api/chat/c1", "/api/chat/c1/stream"):
                assert (await client.get(path, headers=headers)).status_code == 401
            assert (
                await client.post("/api/chat", json=asks("c1"), headers=headers)
            ).status_code == 401
        told = await client.post("/api/chat", json=asks("c1"), headers=ann)
        assert told.text.endswith("data: [DONE]\n\n")
        mine = (await client.get("/api/chat/c1", headers=ann)).json()
        assert [it["role"] for it in mine] == ["user", "assistant"]
        for path in ("c1", "../ann/c1", "..%2Fann%2Fc1"):
            other = await client.get(f"/api/chat/{path}", headers=bob)
            assert other.status_code in {200, 404}
            assert other.status_code == 404 or other.json() == []
        assert (await client.get("/api/chat/c1/stream", headers=bob)).status_code == 204


async def test_too_many_questions_are_refused_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = recipe(tmp_path, "limit_rate")
    now = 1000.0
    monkeypatch.setitem(names["limit_rate"].__globals__, "monotonic", lambda: now)
    async with served(names["app"]) as client:

        async def ask() -> httpx.Response:
            return await client.post("/ask", params={"question": "Hi"})

        assert [(await ask()).status_code for _ in range(6)] == [200] * 5 + [429]
        now += 59.5
        refused = await ask()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        now += 0.5
        assert (await ask()).status_code == 200


def slowly(names: dict[str, Any]) -> Any:
    """Let the recipe run a graph that speaks slowly."""
    from streamkit.demo import build_graph

    names["run"].__globals__["graph"] = graph = build_graph(
        ScriptedChatModel(script=lambda _: Reply("one two three"), pace=0.03), pace=0
    )
    return graph


async def test_two_questions_in_one_thread(tmp_path: Path) -> None:
    names = recipe(tmp_path, "WeakValueDictionary")
    graph = slowly(names)
    async with served(names["app"]) as client:

        async def ask(how: str, question: str) -> httpx.Response:
            return await client.post(f"/t1/{how}", params={"question": question})

        first = (await ask("refuse", "A")).json()["id"]
        refused = await ask("refuse", "B")
        assert (refused.status_code, refused.json()["id"]) == (409, first)

        second = (await ask("replace", "C")).json()["id"]
        assert second != first
        assert b'"run.end"' in (await client.get(f"/runs/{second}")).content
        assert asked_in(graph, "t1") == ["A", "C"]

        one, two = await asyncio.gather(
            client.post("/t2/enqueue", params={"question": "D"}),
            client.post("/t2/enqueue", params={"question": "E"}),
        )
        spans = []
        for answer in (one, two):
            events = sse.Decoder().feed(answer.content)
            assert events[-1].type == "run.end"
            shown = [it.timestamp for it in events if it.type == "text.delta"]
            spans.append((shown[0], shown[-1]))
        earlier, later = sorted(spans)
        assert earlier[1] < later[0]
        assert sorted(asked_in(graph, "t2")) == ["D", "E"]
        assert not names["turns"]


def asked_in(graph: Any, thread: str) -> list[str]:
    state = graph.get_state({"configurable": {"thread_id": thread}})
    return [it.text for it in state.values.get("messages", []) if it.type == "human"]


async def test_a_client_that_leaves_gives_up_its_turn(tmp_path: Path) -> None:
    names = recipe(tmp_path, "WeakValueDictionary")
    graph = slowly(names)
    async with served(names["app"]) as client:
        first = asyncio.create_task(client.post("/t1/enqueue", params={"question": "A"}))
        while not asked_in(graph, "t1"):  # noqa: ASYNC110  (the graph has no event for it)
            await asyncio.sleep(0.01)
        with pytest.raises(httpx.TimeoutException):
            await client.post("/t1/enqueue", params={"question": "B"}, timeout=0.1)
        await first
        await client.post("/t1/enqueue", params={"question": "C"})
    assert asked_in(graph, "t1") == ["A", "C"]


def test_bodies_have_one_limit() -> None:
    """What `read_body` lets through, `read_request` reads, and nothing larger."""
    text = "x" * (MAX_BODY - len(json.dumps(asks("c1", ""))))
    body = json.dumps(asks("c1", text)).encode()
    assert len(body) == MAX_BODY
    assert ai_sdk.read_request(body).chat_id == "c1"
    with pytest.raises(BadRequest, match="more than 16777216"):
        ai_sdk.read_request(body + b" ")
