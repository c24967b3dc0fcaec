"""The demo is real LangGraph: it runs sync and async, alone and beside itself, and always alike."""

import asyncio
import time
from collections import defaultdict
from functools import reduce
from itertools import pairwise
from operator import add

import pytest

pytest.importorskip("langgraph")

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from streamkit._cli.demo import APIS
from streamkit.demo import RESUME, Call, Reply, ScriptedChatModel, build_graph, demo_input
from streamkit.demo.run import Play

PLAN = (
    "On Monday take the 9:05 train and walk the porticoes in the sun. "
    "On Tuesday climb the tower, then dine at Osteria Lina at eight."
)
CONFIRMATION = "All booked as BLQ-4821, have a lovely time!"
TRANSCRIPT = [
    ("human", "Plan me two days in Bologna, Monday and Tuesday."),
    ("ai", "Let me check a few things."),
    ("tool", "Sunny in Bologna on Monday and Tuesday."),
    ("tool", "Trains to Bologna leave at 8:05 and 9:05."),
    (
        "tool",
        "Error: ValueError('Osteria Lina is closed on Monday')\n Please fix your mistakes.",
    ),
    ("ai", ""),
    ("tool", "A table at Osteria Lina on Tuesday at eight."),
    ("ai", PLAN),
    ("ai", CONFIRMATION),
]
FULL = Reply(
    text="Good morning, you! ",
    reasoning="Be kind.",
    tool_calls=(
        Call("greet", {"whom": 'the "cat"', "times": 2}, "call_1"),
        Call("wave", {}, "call_2"),
    ),
    usage=(3, 5),
)


def thread(name="trip"):
    return {"configurable": {"thread_id": name}}


def transcript(state):
    return [(message.type, message.content) for message in state["messages"]]


def whole(chunks):
    """The final message that `chunks` add up to, without what differs from run to run."""
    message = reduce(add, chunks)
    return (
        message.content,
        message.additional_kwargs.get("reasoning_content", ""),
        [(call["name"], call["args"], call["id"]) for call in message.tool_calls],
        message.response_metadata["finish_reason"],
        message.response_metadata["model_name"],
        message.usage_metadata,
    )


class TestScriptedChatModel:
    def test_a_stream_goes_out_in_a_providers_order_and_pieces(self):
        model = ScriptedChatModel(script=[FULL])
        chunks = list(model.stream("Hello"))
        assert [
            chunk.additional_kwargs.get("reasoning_content")
            or chunk.content
            or [
                tuple(call[k] for k in ("index", "id", "name", "args"))
                for call in chunk.tool_call_chunks
            ]
            or chunk.response_metadata
            or chunk.usage_metadata
            for chunk in chunks
            if getattr(chunk, "chunk_position", None) is None
        ] == [
            "Be",
            " kind.",
            "Good",
            " morning,",
            " you!",
            " ",
            [(0, "call_1", "greet", "")],
            [(0, None, None, '{"whom": ')],
            [(0, None, None, '"the \\"ca')],
            [(0, None, None, 't\\"", "ti')],
            [(0, None, None, 'mes": 2}')],
            [(1, "call_2", "wave", "")],
            [(1, None, None, "{}")],
            {"finish_reason": "tool_calls", "model_name": "scripted"},
            {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
        ]

    async def test_every_way_to_ask_gives_the_same_whole(self):
        model = ScriptedChatModel(script=[FULL])
        said = (
            "Good morning, you! ",
            "Be kind.",
            [("greet", {"whom": 'the "cat"', "times": 2}, "call_1"), ("wave", {}, "call_2")],
            "tool_calls",
            "scripted",
            {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8},
        )
        assert whole(model.stream("Hello")) == said
        assert whole([chunk async for chunk in model.astream("Hello")]) == said
        assert whole([model.invoke("Hello")]) == said
        assert whole([await model.ainvoke("Hello")]) == said

    def test_streaming_can_be_disabled(self):
        model = ScriptedChatModel(script=[FULL], disable_streaming=True)
        (message,) = model.stream("Hello")
        assert type(message) is AIMessage
        assert message.content == FULL.text

    def test_the_turn_is_counted_from_the_humans_last_message(self):
        model = ScriptedChatModel(script=[Reply("one"), Reply("two")])
        asked = [SystemMessage("Count."), HumanMessage("Go")]
        assert model.invoke(asked).content == "one"
        assert model.invoke(asked).content == "one"
        assert model.invoke([*asked, AIMessage("one")]).content == "two"
        assert model.invoke([*asked, AIMessage("one"), HumanMessage("Again")]).content == "one"

    def test_a_turn_beyond_the_script_is_an_error_that_says_so(self):
        model = ScriptedChatModel(script=[Reply("one")])
        with pytest.raises(ValueError, match="turn 2 is not in the script, which has 1"):
            model.invoke([HumanMessage("Go"), AIMessage("one")])

    def test_a_script_may_be_a_function_of_the_conversation(self):
        model = ScriptedChatModel(script=lambda messages: Reply(messages[-1].content.upper()))
        assert model.invoke("hello").content == "HELLO"

    def test_the_pace_is_kept_between_chunks(self):
        model = ScriptedChatModel(script=[Reply("a b c")], pace=0.01)
        began = time.perf_counter()
        assert whole(model.stream("Hello"))[0] == "a b c"
        assert time.perf_counter() - began >= 4 * 0.01

    def test_tools_are_bound_as_the_provider_would_get_them(self):
        def greet(whom: str) -> str:
            """Greet somebody."""
            return whom

        bound = ScriptedChatModel(script=[FULL]).bind_tools([greet], tool_choice="any")
        assert [tool["function"]["name"] for tool in bound.kwargs["tools"]] == ["greet"]
        assert bound.kwargs["tool_choice"] == "any"
        assert whole(bound.stream("Hello"))[0] == FULL.text

    def test_callbacks_hear_each_token_once_and_learn_who_speaks(self):
        heard, spoke = [], {}

        class Listener(BaseCallbackHandler):
            def on_chat_model_start(self, *_, metadata, **kwargs):
                spoke.update(metadata)

            def on_llm_new_token(self, token, **_):
                heard.append(token)

        model = ScriptedChatModel(script=[Reply("Good morning!")])
        list(model.stream("Hello", {"callbacks": [Listener()]}))
        assert [token for token in heard if token] == ["Good", " morning!"]
        assert (spoke["ls_provider"], spoke["ls_model_name"]) == ("demo", "scripted")


class TestTheRun:
    def test_sync_to_the_interrupt_and_on(self):
        graph = build_graph(pace=0, checkpointer=InMemorySaver())
        state = graph.invoke(demo_input(), thread())
        assert transcript(state) == TRANSCRIPT[:-1]
        snapshot = graph.get_state(thread())
        assert snapshot.next == ("approve",)
        (interrupt,) = snapshot.tasks[0].interrupts
        assert interrupt.value["question"] == "Shall I book this trip?"
        state = graph.invoke(Command(resume=RESUME), thread())
        assert transcript(state) == TRANSCRIPT
        assert state["reference"] == "BLQ-4821"
        assert graph.get_state(thread()).next == ()

    async def test_async_to_the_interrupt_and_on(self):
        graph = build_graph(pace=0)
        state = await graph.ainvoke(demo_input(), thread())
        assert transcript(state) == TRANSCRIPT[:-1]
        assert (await graph.aget_state(thread())).next == ("approve",)
        state = await graph.ainvoke(Command(resume=RESUME), thread())
        assert transcript(state) == TRANSCRIPT

    async def test_a_no_books_nothing(self):
        graph = build_graph(pace=0)
        await graph.ainvoke(demo_input(), thread())
        state = await graph.ainvoke(Command(resume={"approved": False}), thread())
        assert transcript(state) == [*TRANSCRIPT[:-1], ("ai", "All right, nothing is booked.")]
        assert "reference" not in state

    def test_one_tool_fails_and_is_called_again(self):
        state = build_graph(pace=0).invoke(demo_input(), thread())
        assert [
            (message.name, message.tool_call_id, message.status)
            for message in state["messages"]
            if message.type == "tool"
        ] == [
            ("check_weather", "call_weather", "success"),
            ("find_trains", "call_trains", "success"),
            ("reserve_table", "call_monday", "error"),
            ("reserve_table", "call_tuesday", "success"),
        ]

    def test_a_second_request_on_the_same_thread_starts_over(self):
        graph = build_graph(pace=0)
        graph.invoke(demo_input(), thread())
        graph.invoke(Command(resume=RESUME), thread())
        state = graph.invoke(demo_input(), thread())
        assert transcript(state) == TRANSCRIPT + TRANSCRIPT[:-1]

    async def test_runs_at_once_do_not_disturb_each_other(self):
        graph = build_graph(pace=0.0005)

        async def run(name):
            await graph.ainvoke(demo_input(), thread(name))
            return transcript(await graph.ainvoke(Command(resume=RESUME), thread(name)))

        assert await asyncio.gather(run("mine"), run("yours")) == [TRANSCRIPT, TRANSCRIPT]

    def test_tasks_that_langchain_leaves_at_their_end_are_no_errors(self, caplog):
        class Listener(list):
            feed = request = list.append

            def answer(self, value, unseen):
                loop = asyncio.get_running_loop()
                loop.call_exception_handler({"message": "left", "exception": StopAsyncIteration()})
                loop.call_exception_handler({"message": "broken", "exception": OSError()})

        play = Play(build_graph(pace=0), APIS["events"].start, Listener())
        play.perform()
        assert not play.failed
        assert [it.getMessage() for it in caplog.records if it.name == "asyncio"] == ["broken"]

    def test_another_model_may_speak(self):
        laconic = ScriptedChatModel(script=[Reply("Stay at home.")])
        state = build_graph(laconic, pace=0).invoke(demo_input(), thread())
        assert transcript(state) == [TRANSCRIPT[0], ("ai", "Stay at home.")]


class TestTheStreams:
    MODES = ("messages", "updates", "custom")

    async def both_halves(self, graph, how):
        items = []
        for given in (demo_input(), Command(resume=RESUME)):
            options = {"stream_mode": list(self.MODES), "subgraphs": True}
            if how == "sync":
                items += graph.stream(given, thread(), **options)
            else:
                items += [item async for item in graph.astream(given, thread(), **options)]
        return items

    @pytest.mark.parametrize("how", ["sync", "async"])
    async def test_chunks_add_up_to_the_messages_in_the_state(self, how):
        graph = build_graph(pace=0)
        chunks = defaultdict(list)
        for _, mode, payload in await self.both_halves(graph, how):
            if mode == "messages" and payload[0].type == "AIMessageChunk":
                chunks[payload[0].id].append(payload[0])
        said = graph.get_state(thread()).values["messages"]
        spoken = {message.id: whole([message]) for message in said if message.type == "ai"}
        assert len(spoken) == 4
        added_up = {id: whole(pieces) for id, pieces in chunks.items()}
        assert {id: added_up[id] for id in spoken} == spoken
        assert {content for id, (content, *_) in added_up.items() if id not in spoken} == {
            "Eat tagliatelle at Osteria Lina, by the market.",
            "Climb the Asinelli tower and walk the porticoes.",
        }

    @pytest.mark.parametrize("how", ["sync", "async"])
    async def test_a_tool_writes_and_a_subgraph_has_its_namespace(self, how):
        items = await self.both_halves(build_graph(pace=0), how)
        assert [payload for _, mode, payload in items if mode == "custom"] == [
            {"train": "8:05", "to": "Bologna"},
            {"train": "9:05", "to": "Bologna"},
        ]
        inside = [payload for space, mode, payload in items if space and mode == "updates"]
        assert [list(update) for update in inside] == [["hold"], ["confirm"]]

    @pytest.mark.parametrize("how", ["sync", "async"])
    async def test_the_scouts_speak_at_once(self, how):
        items = await self.both_halves(build_graph(pace=0.002), how)
        nodes = [
            payload[1]["langgraph_node"]
            for _, mode, payload in items
            if mode == "messages" and payload[1]["langgraph_node"].startswith("scout_")
        ]
        assert set(nodes) == {"scout_food", "scout_sights"}
        changes = sum(a != b for a, b in pairwise(nodes))
        assert changes > 1

    async def test_events_show_tokens_documents_custom_events_and_tools(self):
        graph = build_graph(pace=0)
        events = []
        for given in (demo_input(), Command(resume=RESUME)):
            events += [e async for e in graph.astream_events(given, thread(), version="v2")]
        seen = defaultdict(list)
        for event in events:
            seen[event["event"]].append(event)

        tokens = "".join(e["data"]["chunk"].content for e in seen["on_chat_model_stream"])
        assert PLAN in tokens
        assert CONFIRMATION in tokens
        (retrieved,) = seen["on_retriever_end"]
        assert len(retrieved["data"]["output"]) == 2

        weather = next(e for e in seen["on_tool_start"] if e["name"] == "check_weather")
        custom = seen["on_custom_event"]
        assert [e["data"]["day"] for e in custom] == ["Monday", "Tuesday"]
        assert {e["run_id"] for e in custom} == {weather["run_id"]}
        assert {e["metadata"]["langgraph_node"] for e in custom} == {"tools"}

        started = [e["name"] for e in seen["on_tool_start"]]
        assert sorted(started) == ["check_weather", "find_trains", "reserve_table", "reserve_table"]
        ended = [e["data"]["output"].tool_call_id for e in seen["on_tool_end"]]
        assert sorted(ended) == ["call_trains", "call_tuesday", "call_weather"]
        # Before langchain-core 1.0 a tool that fails is not heard of again.
        assert [str(e["data"]["error"]) for e in seen["on_tool_error"]] in (
            [],
            ["Osteria Lina is closed on Monday"],
        )
