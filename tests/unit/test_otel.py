"""Traces of runs, read back from the SDK's own exporter."""

import gc
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")

from langchain_core.messages import AIMessage, SystemMessage, ToolMessage
from msgspec.structs import replace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from test_metrics import ROOT, a_run, inside, model_call

from streamkit import UsageError, astream, normalize, otel
from streamkit import events as ev
from streamkit.demo import Call, Reply, ScriptedChatModel
from streamkit.otel import spans

INPUT = {"messages": [("human", "hello")]}


class Traces:
    """A tracer whose finished spans can be read."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("tests")

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def named(self, name):
        [span] = [it for it in self.spans if it.name == name]
        return span

    def tree(self):
        """Each span below its parent, in the order of their starts."""
        by_id = {it.context.span_id: it for it in self.spans}

        def depth(span):
            return 1 + depth(by_id[span.parent.span_id]) if span.parent else 0

        def path(span):
            return (
                *(path(by_id[span.parent.span_id]) if span.parent else ()),
                (span.start_time, span.context.span_id),
            )

        return [f"{'  ' * depth(it)}{it.name}" for it in sorted(self.spans, key=path)]


@pytest.fixture
def traces():
    return Traces()


def traced(events, traces, **options):
    stage = spans(traces.tracer, **options).stage()
    for event in events:
        stage(event)


class TestSpans:
    def test_are_the_run_in_its_order(self, traces):
        traced(a_run(), traces)
        assert traces.tree() == [
            "invoke_agent boss",
            "  chat big",
            "  node",
            "    execute_tool research",
            "      chat small",
        ]

    def test_have_the_times_of_the_events(self, traces):
        traced(a_run(), traces)
        tool = traces.named("execute_tool research")
        assert (tool.start_time, tool.end_time) == (104 * 10**9, 108 * 10**9)

    def test_of_models_have_the_conventions_attributes(self, traces):
        traced(a_run(), traces)
        chat = traces.named("chat small")
        assert chat.kind is SpanKind.CLIENT
        assert dict(chat.attributes) == {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "small",
            "gen_ai.agent.name": "researcher",
            "gen_ai.response.id": "m-sub-model",
            "gen_ai.response.model": "small",
            "gen_ai.response.time_to_first_chunk": 1.0,
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 4,
            "gen_ai.usage.cache_read.input_tokens": 60,
        }

    def test_of_tools_have_them_too(self, traces):
        traced(a_run(), traces)
        assert dict(traces.named("execute_tool research").attributes) == {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "research",
            "gen_ai.tool.call.id": "c1",
            "gen_ai.tool.type": "function",
        }

    def test_hold_no_content_unless_it_is_asked_for(self, traces):
        error = ev.ErrorInfo(name="ValueError", message="the reason")
        tool = {"origin": inside("t"), "tool_call_id": "c", "name": "f"}
        question = {"messages": [[{"type": "human", "data": {"content": "the prompt"}}]]}
        events = model_call(inside("m"), 1.0, model="big", usage=None, text="the answer")
        events[0] = ev.StepStart(
            origin=inside("m"), step_id="m", kind="chat_model", input=question, timestamp=1.0
        )
        events = [
            ev.RunStart(origin=ROOT, input="the prompt", timestamp=0.0),
            *events,
            ev.ToolStart(**tool, input={"a": "the argument"}, timestamp=5.0),
            ev.ToolError(**tool, error=error, timestamp=6.0),
            ev.Interrupt(origin=ROOT, interrupt_id="i", value="the question", timestamp=6.0),
            ev.RunError(origin=ROOT, error=error, timestamp=6.0),
        ]
        secrets = ("the prompt", "the answer", "the argument", "the reason", "the question")
        traced(events, traces)
        bare = " ".join(it.to_json() for it in traces.spans)
        assert not [it for it in secrets if it in bare]
        assert traces.named("execute_tool f").attributes["error.type"] == "ValueError"
        traces.exporter.clear()
        traced(events, traces, content=True)
        whole = " ".join(it.to_json() for it in traces.spans)
        assert [it for it in secrets if it in whole] == list(secrets)
        chat = traces.named("chat big").attributes
        assert json.loads(chat["gen_ai.input.messages"]) == [
            {"role": "user", "parts": [{"type": "text", "content": "the prompt"}]}
        ]
        assert json.loads(chat["gen_ai.output.messages"])[0]["parts"] == [
            {"type": "text", "content": "the answer"}
        ]

    def test_hold_conversations_in_the_conventions_form(self, traces):
        call = {"id": "c", "name": "f", "args": {"a": 1}}
        asked = [
            SystemMessage("Be kind."),
            AIMessage("", tool_calls=[call]),
            ToolMessage("sunny", tool_call_id="c"),
        ]
        step, *events, message, end = model_call(inside("m"), 1.0, model="big", usage=None, text="")
        calls = (
            ev.ToolCall(id="c", name="f", args={"a": 1}, text='{"a":1}'),
            ev.ToolCall(id="d", name="g", args=None, text='{"a', error="it was cut off"),
        )
        found = {"origin": inside("r"), "retrieval_id": "r", "name": "search"}
        whole = [
            ev.RunStart(origin=ROOT, timestamp=0.0),
            replace(step, input={"messages": [asked], "model": "big"}),
            *events,
            replace(message, text="", tool_calls=calls),
            end,
            ev.RetrievalStart(**found, query="weather", timestamp=5.0),
            ev.RetrievalEnd(**found, status="completed", timestamp=6.0),
            ev.RunEnd(origin=ROOT, status="completed", timestamp=6.0),
        ]
        traced(whole, traces, content=True)
        chat = traces.named("chat big").attributes
        part = {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}
        assert json.loads(chat["gen_ai.input.messages"]) == [
            {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
            {"role": "assistant", "parts": [part]},
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "c", "response": "sunny"}],
            },
        ]
        assert json.loads(chat["gen_ai.output.messages"])[0]["parts"] == [
            part,
            {"type": "tool_call", "id": "d", "name": "g", "arguments": '{"a'},
        ]
        retrieval = traces.named("retrieval search").attributes
        assert retrieval["gen_ai.retrieval.query.text"] == "weather"

    def test_of_a_stream_mode_hold_the_answer_alone(self, traces):
        traced(normalize(["Hi"], clock=lambda: 0.5), traces, content=True)
        [chat] = [it.attributes for it in traces.spans if it.name.startswith("chat")]
        assert "gen_ai.input.messages" not in chat
        assert json.loads(chat["gen_ai.output.messages"])[0]["parts"][0]["content"] == "Hi"

    def test_hang_below_the_current_span(self, traces):
        with traces.tracer.start_as_current_span("request"):
            list(normalize(["Hi"]).pipe(spans(traces.tracer)))
        assert [it.strip() for it in traces.tree()][:2] == ["request", "invoke_workflow run"]
        assert traces.tree()[1].startswith("  ")

    def test_hang_below_the_span_of_the_reader_where_there_was_none_before(self, traces):
        events = normalize(["Hi"]).pipe(spans(traces.tracer))
        with traces.tracer.start_as_current_span("job"):
            list(events)
        assert [it.strip() for it in traces.tree()][:2] == ["job", "invoke_workflow run"]
        assert traces.tree()[1].startswith("  ")

    @pytest.mark.parametrize("odd", [["openai"], {"name": "x"}, 5, object()])
    def test_of_models_whose_metadata_is_no_text_have_none_of_it(self, traces, odd):
        origin = replace(inside("m"), metadata={"ls_provider": odd, "ls_model_name": odd})
        traced(model_call(origin, 1.0, model="big", usage=None), traces)
        attributes = traces.named("chat big").attributes
        assert attributes["gen_ai.request.model"] == "big"
        assert "gen_ai.provider.name" not in attributes

    def test_are_not_made_by_a_provider(self, traces):
        with pytest.raises(
            UsageError, match=r"got a TracerProvider, .* write spans\(provider.get_tr"
        ):
            spans(traces.provider)

    def test_inner_steps_are_spans_on_demand(self, traces):
        step = {"origin": inside("p"), "step_id": "p", "kind": "prompt"}
        events = [
            ev.RunStart(origin=ROOT, timestamp=0.0),
            ev.StepStart(**step, timestamp=1.0),
            *model_call(inside("m", "p"), 1.0, model="big", usage=None),
            ev.StepEnd(**step, status="completed", timestamp=5.0),
            ev.RunEnd(origin=ROOT, status="completed", timestamp=5.0),
        ]
        traced(events, traces)
        assert traces.tree() == ["invoke_agent boss", "  chat big"]
        traces.exporter.clear()
        traced(events, traces, steps=True)
        assert traces.tree() == ["invoke_agent boss", "  prompt", "    chat big"]

    def test_abandoned_attempts_are_marked(self, traces):
        events = [
            ev.RunStart(origin=ROOT, timestamp=0.0),
            *model_call(inside("m"), 1.0, model="big", usage=None, status="abandoned"),
            ev.RunEnd(origin=ROOT, status="completed", timestamp=5.0),
        ]
        traced(events, traces)
        assert traces.named("chat big").attributes["streamkit.status"] == "abandoned"


class TestEnds:
    def test_of_an_error_close_every_span(self, traces):
        def broken():
            yield "Hi"
            raise ValueError("no")

        list(normalize(broken(), spans(traces.tracer), on_error="event"))
        run = traces.named("invoke_workflow run")
        assert (run.status.status_code, run.attributes["error.type"]) == (
            StatusCode.ERROR,
            "ValueError",
        )
        assert len(traces.spans) == 2

    def test_of_a_closed_stream_close_every_span(self, traces):
        with normalize(iter(["Hel", "lo"]), spans(traces.tracer)) as stream:
            next(stream)
        assert traces.named("invoke_workflow run").attributes["streamkit.status"] == "cancelled"

    def test_of_a_stream_that_is_left_close_every_span(self, traces):
        stream = normalize(iter(["Hel", "lo"]), spans(traces.tracer))
        for event in stream:
            if event.type == "text.delta":
                break
        del stream, event
        gc.collect()
        assert len(traces.spans) == 2
        assert {it.attributes["streamkit.status"] for it in traces.spans} == {"cancelled"}

    async def test_of_a_cancelled_task_close_every_span(self, traces):
        import asyncio

        async def source():
            yield "Hi"
            await asyncio.sleep(60)

        async def read():
            async for _ in normalize(source(), spans(traces.tracer)):
                pass

        task = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(traces.spans) == 2


def agents():
    """An agent whose tool asks another agent, beside a tool that does not."""
    create_agent = pytest.importorskip(
        "langchain.agents", reason="langchain is not installed"
    ).create_agent
    from langchain_core.tools import tool

    @tool
    def search(q: str) -> str:
        """Search."""
        return f"found {q}"

    first = Reply(tool_calls=(Call("search", {"q": "x"}, "c9"),), usage=(5, 5))
    small = ScriptedChatModel(script=[first, Reply("all of it", usage=(5, 3))], model="small")
    researcher = create_agent(small, [search], name="researcher")

    @tool
    async def research(topic: str) -> str:
        """Research."""
        answer = await researcher.ainvoke({"messages": [("human", topic)]})
        return answer["messages"][-1].text

    calls = (Call("research", {"topic": "a"}, "c1"), Call("search", {"q": "y"}, "c2"))
    big = ScriptedChatModel(
        script=[
            Reply("Let me look.", tool_calls=calls, usage=(10, 7)),
            Reply("Done.", usage=(20, 5)),
        ],
        model="big",
    )
    return create_agent(big, [research, search], name="boss")


AGENTS = [
    "invoke_agent boss",
    "  chat big",
    "  execute_tool research",
    "    invoke_agent researcher",
    "      chat small",
    "      execute_tool search",
    "      chat small",
    "  execute_tool search",
    "  chat big",
]


def without_nodes(tree):
    """The tree as it is without the spans of nodes."""
    found, cut = [], []
    for row in tree:
        depth = len(row) - len(row.lstrip())
        cut = [it for it in cut if it < depth]
        if row.strip() in {"model", "tools"}:
            cut.append(depth)
        else:
            found.append(row[2 * len(cut) :])
    return found


@pytest.mark.parametrize("way", ["our call", "astream_events"])
async def test_agents_inside_tools_are_inside_them(traces, way):
    graph = agents()
    source = (
        astream(graph, INPUT)
        if way == "our call"
        else normalize(graph.astream_events(INPUT, version="v2"))
    )
    await source.pipe(spans(traces.tracer)).collect()
    assert without_nodes(traces.tree()) == AGENTS
    assert traces.named("invoke_agent boss").attributes["gen_ai.usage.output_tokens"] == 20


QUESTION = ev.Interrupt(origin=inside("node", "graph"), interrupt_id="i", value="?", timestamp=3.0)


@pytest.mark.parametrize("kind", ["graph", "prompt"])
def test_a_question_inside_what_is_no_span_is_noted_at_the_span_around(traces, kind):
    """The root graph is no span besides that of the run, and inner steps are none by default."""
    start = ev.RunStart(origin=ROOT, run_id="graph", timestamp=0.0)
    step = ev.StepStart(origin=inside("graph"), step_id="graph", kind=kind, timestamp=1.0)
    end = ev.RunEnd(origin=ROOT, status="interrupted", timestamp=4.0)
    traced([start, step, QUESTION, end], traces)
    [run] = traces.spans
    [noted] = run.events
    assert dict(noted.attributes) == {"streamkit.interrupt_id": "i"}


def test_a_question_before_any_run_is_noted_nowhere(traces):
    traced([QUESTION], traces)
    assert traces.spans == ()


@pytest.mark.parametrize("way", ["our call", "astream_events", "modes"])
async def test_a_question_of_a_graph_is_noted_at_its_run(traces, way):
    langgraph = pytest.importorskip("langgraph.graph", reason="langgraph is not installed")
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import interrupt

    builder = langgraph.StateGraph(langgraph.MessagesState)
    builder.add_node("ask", lambda _: {"messages": [interrupt("Really?")]})
    graph = builder.add_edge(langgraph.START, "ask").compile(checkpointer=InMemorySaver())
    given = (INPUT, {"configurable": {"thread_id": "1"}})
    if way == "our call":
        source = astream(graph, *given)
    elif way == "modes":
        source = normalize(graph.astream(*given, stream_mode=["updates", "messages"]))
    else:
        source = normalize(graph.astream_events(*given, version="v2"))
    await source.pipe(spans(traces.tracer, content=True)).collect()
    [run] = [it for it in traces.spans if it.parent is None]
    [noted] = run.events
    assert noted.attributes["streamkit.interrupt"] == '"Really?"'


async def test_openinference_sees_the_same_tree(traces):
    """The instrumentation of LangChain's callbacks, on the very same run."""
    module = pytest.importorskip(
        "openinference.instrumentation.langchain", reason="openinference is not installed"
    )
    theirs, instrumentor = Traces(), module.LangChainInstrumentor()
    graph = agents()
    instrumentor.instrument(tracer_provider=theirs.provider)
    try:
        await (
            normalize(graph.astream_events(INPUT, version="v2"))
            .pipe(spans(traces.tracer))
            .collect()
        )
    finally:
        instrumentor.uninstrument()

    def tools_around(all_spans, is_tool, name):
        by_id = {it.context.span_id: it for it in all_spans}

        def around(span):
            outer = by_id.get(span.parent.span_id) if span.parent else None
            return (
                ()
                if outer is None
                else (*around(outer), *([name(outer)] if is_tool(outer) else []))
            )

        return around

    ours_around = tools_around(
        traces.spans, lambda it: it.name.startswith("execute_tool"), lambda it: it.name.split()[1]
    )
    kind = lambda it: it.attributes.get("openinference.span.kind")  # noqa: E731
    their_around = tools_around(theirs.spans, lambda it: kind(it) == "TOOL", lambda it: it.name)
    ours = sorted(
        ("TOOL" if it.name.startswith("execute_tool") else "LLM", ours_around(it))
        for it in traces.spans
        if it.name.startswith(("chat ", "execute_tool "))
    )
    assert ours == sorted(
        (kind(it), their_around(it)) for it in theirs.spans if kind(it) in {"LLM", "TOOL"}
    )


def test_metrics_are_those_of_the_conventions():
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("tests")
    traced(a_run(), Traces(), meter=meter)
    [resource] = reader.get_metrics_data().resource_metrics
    found = {it.name: list(it.data.data_points) for it in resource.scope_metrics[0].metrics}
    assert sorted(found) == [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    ]
    sums = {
        (it.attributes["gen_ai.request.model"], it.attributes["gen_ai.token.type"]): it.sum
        for it in found["gen_ai.client.token.usage"]
    }
    assert sums == {
        ("big", "input"): 10,
        ("big", "output"): 8,
        ("small", "input"): 100,
        ("small", "output"): 4,
    }
    assert [it.sum for it in found["gen_ai.client.operation.duration"]] == [3.0, 3.0]
    assert [it.sum for it in found["gen_ai.client.operation.time_to_first_chunk"]] == [1.0, 1.0]


def test_a_model_call_that_fails_is_counted_by_its_error():
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("tests")
    error = ev.ErrorInfo(name="RateLimitError")
    step, *_, end = model_call(inside("m"), 1.0, model="big", usage=None)
    failed = [step, replace(end, status="failed", error=error)]
    cut = [ev.MessageStart(origin=inside("n"), message_id="n", model="big", timestamp=1.0)]
    cut.append(
        ev.MessageEnd(origin=inside("n"), message_id="n", text="", status="failed", timestamp=2.0)
    )
    traced([*a_run()[:1], *failed, *cut], Traces(), meter=meter)
    [resource] = reader.get_metrics_data().resource_metrics
    [duration] = resource.scope_metrics[0].metrics
    found = [(it.attributes["error.type"], it.sum) for it in duration.data.data_points]
    assert found == [("RateLimitError", 3.0), ("_OTHER", 1.0)]


def test_every_name_is_in_the_newest_conventions():
    semconv = pytest.importorskip(
        "opentelemetry.semconv", reason="the conventions are not installed"
    )
    folder = Path(semconv.__file__).parent / "_incubating"
    known = {
        name
        for file in ("attributes/gen_ai_attributes.py", "metrics/gen_ai_metrics.py")
        for name in re.findall(r'"(gen_ai\.[a-z_.]+)"', (folder / file).read_text())
    }
    written = set(re.findall(r'"(gen_ai\.[a-z_.]+)"', Path(otel.__file__).read_text()))
    assert len(written) > 20
    assert written <= known
    operations = re.findall(
        r'= "([a-z_]+)"', (folder / "attributes/gen_ai_attributes.py").read_text()
    )
    assert set(otel._OPERATIONS.values()) <= set(operations)
