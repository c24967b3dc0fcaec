"""Real JavaScript clients come back to a run, on another worker than the one they began with."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("redis", reason="redis-py is not installed")

from js_clients import FOLDER
from redis_server import RedisServer, redis_server  # noqa: F401  (a fixture)
from workers import Worker, Workers

WORDS = 150
TEXT = "".join(f"{n} " for n in range(WORDS))


@pytest.fixture(scope="module")
def workers(redis_server: RedisServer) -> Iterator[tuple[Worker, Worker]]:  # noqa: F811
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip("the JavaScript clients are not installed; run: npm ci --prefix tests/js")
    made = Workers(redis_server.url)
    yield made.spawn(), made.spawn()
    made.close()


async def pages(client: str, wire: str, workers: tuple[Worker, Worker]) -> Any:
    """What each page shows: see ``js/resume.mjs``."""
    name = uuid4().hex
    begin = f"{workers[0].url}/ask?wire={wire}&number={WORDS}&pace=0.01&name={name}"
    resume = f"{workers[1].url}/chats/{name}/stream?wire={wire}"
    node = await asyncio.create_subprocess_exec(
        *("node", "resume.mjs", client, begin, resume),
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await asyncio.wait_for(node.communicate(), 60)
    assert node.returncode == 0, complained.decode()
    return json.loads(said)


@pytest.mark.parametrize("package", ["ai5", "ai6", "ai7"])
async def test_a_chat_of_the_ai_sdk_that_is_reloaded_goes_on(package, workers):
    found = await pages(package, "ai_sdk", workers)
    for page in ("first", "again"):
        assert found[page] == {"text": TEXT, "state": "done", "status": "ready"}
    assert (found["after"]["text"], found["after"]["status"]) == ("", "ready")


async def test_an_ag_ui_agent_reads_a_run_that_is_going_on(workers):
    found = await pages("ag_ui", "ag_ui", workers)
    assert found == {"first": {"text": TEXT}, "again": {"text": TEXT}, "after": {"status": 204}}


async def test_a_langgraph_client_joins_a_run_where_it_was_cut(workers):
    found = await pages("langgraph", "langgraph_sse", workers)
    assert found["first"]["text"] == found["again"]["text"] == TEXT
    assert found["first"]["end"] == found["again"]["end"] == "end"
    assert found["after"] == {"status": 204}
    first, *joined = found["sent"]
    assert first is None
    assert "-1" in joined
    assert all(it == "-1" or int(it) > 1 for it in joined)
