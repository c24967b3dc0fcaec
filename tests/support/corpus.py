"""Recorded bodies of real providers: where they are, which client plays each, what is known.

The recordings are no part of this repository. They are found through ``STREAMKIT_CORPUS``, or
beside it in ``../shared/corpus``; their ``index.json`` says of each where it comes from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from providers import clients
from providers.bedrock_converse import read_bedrock
from providers.cohere_chat import read_cohere
from providers.expected import (
    Expected,
    Json,
    Reader,
    read_anthropic,
    read_openai_chat,
    read_openai_responses,
    read_sse,
)
from providers.google_genai import read_google
from providers.openai_completions import read_openai_completions
from providers.server import Body
from providers.wire import join, sse

Edit: TypeAlias = Callable[[Json], "Json | None"]

BESIDE = Path(__file__).parents[3] / "shared" / "corpus"
ROOT = Path(os.environ.get("STREAMKIT_CORPUS", BESIDE))


# -- which client plays what ------------------------------------------------------------------


@dataclass(frozen=True)
class Client:
    """A LangChain client, the reader of its bodies, and what of a request it has to be told."""

    name: str
    make: Callable[..., Any]
    read: Reader
    options: Callable[[Json], dict[str, Any]] = lambda _: {}
    is_chat: bool = True
    usage_adds_up: bool = False  # each chunk counts only what is new


def _anthropic_options(request: Json) -> dict[str, Any]:
    """Content stays a string unless the request has tools, thinking or compaction in it."""
    options = {name: request[name] for name in _ANTHROPIC if name in request}
    if "context_management" in request:
        options["betas"] = ["any"]  # only the beta endpoint takes it
    if "tools" in request:
        options["model_kwargs"] = {"tools": request["tools"]}
    return options


_ANTHROPIC = ("thinking", "context_management")

OPENAI = Client("ChatOpenAI", clients.chat_openai, read_openai_chat)
AZURE = Client("AzureChatOpenAI", clients.azure_chat_openai, read_openai_chat)
RESPONSES = Client("ChatOpenAI (Responses)", clients.chat_openai_responses, read_openai_responses)
COMPLETIONS = Client("OpenAI", clients.openai_completions, read_openai_completions, is_chat=False)
ANTHROPIC = Client("ChatAnthropic", clients.chat_anthropic, read_anthropic, _anthropic_options)
GOOGLE = Client("ChatGoogleGenerativeAI", clients.chat_google, read_google, usage_adds_up=True)
GROQ = Client("ChatGroq", clients.chat_groq, read_openai_chat)
MISTRAL = Client("ChatMistralAI", clients.chat_mistral, read_openai_chat)
DEEPSEEK = Client("ChatDeepSeek", clients.chat_deepseek, read_openai_chat)
OPENROUTER = Client("ChatOpenRouter", clients.chat_openrouter, read_openai_chat)
BEDROCK = Client("ChatBedrockConverse", clients.chat_bedrock, read_bedrock)
COHERE = Client("ChatCohere", clients.chat_cohere, read_cohere)

# By provider and the end of the path: the provider's own client first. Where the API is compatible
# with OpenAI's, many use ChatOpenAI all the same.
CLIENTS: dict[tuple[str, str], tuple[Client, ...]] = {
    ("openai", "/v1/chat/completions"): (OPENAI,),
    ("openai", "/v1/responses"): (RESPONSES,),
    ("openai", "/v1/completions"): (COMPLETIONS,),
    ("localhost", "/v1/completions"): (COMPLETIONS,),
    ("traceloop-stg.openai.azure.com", "/chat/completions"): (AZURE,),
    ("api.writer.com", "/v1/chat"): (OPENAI,),
    ("huggingface", "/chat/completions"): (OPENAI,),
    ("bedrock-mantle.us-east-1.api.aws", "/v1/responses"): (RESPONSES,),
    ("anthropic", "/v1/messages"): (ANTHROPIC,),
    ("google", ":streamGenerateContent"): (GOOGLE,),
    ("groq", "/v1/chat/completions"): (GROQ, OPENAI),
    ("mistral", "/v1/chat/completions"): (MISTRAL, OPENAI),
    ("deepseek", "/chat/completions"): (DEEPSEEK, OPENAI),
    ("deepseek", "/responses"): (RESPONSES,),
    ("openrouter", "/chat/completions"): (OPENROUTER, OPENAI),
    ("openrouter", "/responses"): (RESPONSES,),
    ("aws", ""): (BEDROCK,),
    ("api.cohere.com", "/v2/chat"): (COHERE,),
}

NOT_PLAYED = {
    ("openai", "/runs"): "the Assistants API: no LangChain client streams it",
    ("api.writer.com", "/v1/completions"): "a format of its own, and completions only",
    ("mcp.deepwiki.com", "/mcp"): "a tool server, no model",
    ("streaming-api.svc.us.c.replicate.net", ""): "a format of its own, and completions only",
    ("us-south.ml.cloud.ibm.com", "/text_stream"): "a format of its own, and completions only",
}


@dataclass(frozen=True)
class Recording:
    """One recorded body, and a client that plays it."""

    name: str
    path: Path
    client: Client
    request: Json = field(repr=False)
    is_own: bool = True  # the client is the provider's

    @cached_property
    def body(self) -> Body:
        return Body.from_file(self.path)

    @cached_property
    def expected(self) -> Expected:
        """The facts of the bytes."""
        return self.client.read(self.body.data)

    @cached_property
    def _seen(self) -> dict[bool, Expected]:
        return {v1: self._with(*self._edits(v1=v1).values()) for v1 in (False, True)}

    def seen(self, *, v1: bool) -> Expected:
        """What the client makes of it: the facts of a body with all its known defects."""
        return self._seen[v1]

    def defects(self, *, v1: bool) -> list[str]:
        """The names of the defects that change anything here."""
        if same(self.seen(v1=v1), self.expected):
            return []
        edits = self._edits(v1=v1)
        return [name for name in edits if not same(self._with(edits[name]), self.expected)]

    def _edits(self, *, v1: bool) -> dict[str, Edit]:
        return {
            name: defect.edit
            for name, defect in DEFECTS.items()
            if self.client in defect.clients and defect.v1 in {None, v1}
        }

    def _with(self, *edits: Edit) -> Expected:
        return self.client.read(edited(self.body.data, *edits)) if edits else self.expected


def same(one: Expected, other: Expected) -> bool:
    """Equal in all facts, also in those that `==` leaves out."""
    return vars(one) == vars(other)


def index() -> list[Json]:
    return json.loads((ROOT / "index.json").read_text())


def recordings() -> Iterator[Recording]:
    for entry in index():
        path = ROOT / entry["file"]
        for nth, client in enumerate(_found(CLIENTS, entry) or ()):
            name = f"{path.stem} by {client.name}" if nth else path.stem
            yield Recording(name, path, client, entry["request"], is_own=not nth)


def not_played() -> Iterator[tuple[Json, str | None]]:
    """The rest of the index, and why."""
    for entry in index():
        if not _found(CLIENTS, entry):
            yield entry, _found(NOT_PLAYED, entry)


def _found(table: dict[tuple[str, str], Any], entry: Json) -> Any:
    who, path = entry["provider"], entry.get("url_path") or ""
    return next(
        (it for (name, end), it in table.items() if name == who and path.endswith(end)), None
    )


# -- what clients are known to get wrong ------------------------------------------------------


@dataclass(frozen=True)
class Defect:
    """What a client loses or changes before anybody else can see it.

    It is told as the body that would make a faultless client say the same: every event is edited,
    or left out.
    """

    clients: tuple[Client, ...]
    edit: Edit
    reason: str
    v1: bool | None = None  # only with output_version="v1", or only without


def edited(body: bytes, *edits: Edit) -> bytes:
    """The same events, each with what the edits make of its JSON."""
    events = ((event, _edited(data, edits)) for event, data in read_sse(body))
    return join(*(sse(event, data) for event, data in events if data is not None))


def _edited(data: str, edits: Iterable[Edit]) -> Json | str | None:
    event: Json | None = json.loads(data) if data.startswith("{") else None
    if event is None:
        return data
    for edit in edits:
        event = event and edit(event)
    return event


def _each_choice(chunk: Json) -> Json:
    for choice in chunk.get("choices") or ():
        choice["index"] = 0
    return chunk


def _without_in_delta(*names: str) -> Edit:
    def edit(chunk: Json) -> Json:
        for choice in chunk.get("choices") or ():
            for name in names:
                (choice.get("delta") or {}).pop(name, None)
        return chunk

    return edit


def _without(*names: str) -> Edit:
    return lambda event: {name: it for name, it in event.items() if name not in names}


def _without_error(chunk: Json) -> Json:
    return _without("error")(chunk) if chunk.get("choices") else chunk


def _without_raw_reasoning(event: Json) -> Json | None:
    return None if event["type"] == "response.reasoning_text.delta" else event


def _custom_call(event: Json) -> Json | None:
    item = event.get("item") or {}
    if event["type"] == "response.custom_tool_call_input.delta":
        return None
    if item.get("type") != "custom_tool_call":
        return event
    if event["type"] == "response.output_item.added":
        return None
    args = json.dumps({"__arg1": item["input"]})
    call = {**item, "type": "function_call", "arguments": args}
    return {**event, "type": "response.output_item.added", "item": call}


def _without_tier(event: Json) -> Json:
    response = event.get("response") or {}
    if response.get("service_tier") not in {None, "default", "auto"} and response.get("usage"):
        response["usage"] = _without(*_RESPONSES_DETAILS)(response["usage"])
    return event


_RESPONSES_DETAILS = ("input_tokens_details", "output_tokens_details")


def _without_counts_of_start(event: Json) -> Json:
    if event["type"] == "message_start":
        event["message"]["usage"] = {"input_tokens": 0, "output_tokens": 0}
    return event


def _billed(event: Json) -> Json:
    usage = (event.get("delta") or {}).get("usage")
    if usage:
        event["delta"]["usage"] = {"tokens": usage["billed_units"]}
    return event


def _anthropic_v1(event: Json) -> Json:
    block = event.get("content_block") or {}
    if block.get("name") == "code_execution":
        block["name"] = "code_interpreter"
    return event


def _groq_v1(chunk: Json) -> Json:
    for choice in chunk.get("choices") or ():
        for tool in choice["delta"].get("executed_tools") or ():
            tool["type"] = {"python": "code_interpreter", "search": "web_search"}[tool["type"]]
    return chunk


def _google_v1(chunk: Json) -> Json:
    for candidate in chunk.get("candidates", ()):
        for part in candidate.get("content", {}).get("parts", ()):
            if part.pop("executableCode", None):
                part["toolCall"] = {"toolType": "code_interpreter"}
    return chunk


def _responses_v1(event: Json) -> Json | None:
    item = event.get("item") or {}
    if item.get("type") == "mcp_list_tools":
        item.update(type="mcp_list_tools_call", name="mcp_list_tools")
    elif item.get("type") == "mcp_call":
        item["name"] = "remote_mcp"
    return None if item.get("type") == "image_generation_call" else event


DEFECTS = {
    "every choice is the first": Defect(
        (OPENAI, AZURE),
        _each_choice,
        "each chunk's first choice is read, whatever its index: with n=2 two texts mingle",
    ),
    "only OpenAI's fields": Defect(
        (OPENAI,),
        _without_in_delta("reasoning", "reasoning_content", "executed_tools"),
        "reasoning and tools that another provider adds to OpenAI's API are not read",
    ),
    "usage elsewhere": Defect(
        (OPENAI,), _without("x_groq"), "Groq counts in a field that is not OpenAI's"
    ),
    "raw reasoning": Defect(
        (RESPONSES,), _without_raw_reasoning, "only summaries of reasoning are read"
    ),
    "custom tools are wrapped": Defect(
        (RESPONSES,), _custom_call, "free text becomes JSON, and whole: its deltas are not read"
    ),
    "details by tier": Defect(
        (RESPONSES,),
        _without_tier,
        "with a service tier the parts of the usage are called by it, such as flex_reasoning",
    ),
    "counts of the start": Defect(
        (ANTHROPIC,),
        _without_counts_of_start,
        "older servers count the input in message_start only, which is not read",
    ),
    "an error beside a choice": Defect(
        (OPENROUTER,),
        _without_error,
        "an error is raised only from a chunk that has no choices",
    ),
    "billed units": Defect(
        (COHERE,), _billed, "what is billed is told, not what was read and written"
    ),
    "v1 names, Anthropic": Defect(
        (ANTHROPIC,), _anthropic_v1, "LangChain's name for code execution", v1=True
    ),
    "v1 names, Groq": Defect(
        (GROQ,), _groq_v1, "LangChain's names for code execution and search", v1=True
    ),
    "v1 names, Google": Defect(
        (GOOGLE,), _google_v1, "LangChain's name for code execution", v1=True
    ),
    "v1 items, Responses": Defect(
        (RESPONSES,),
        _responses_v1,
        "LangChain's name for MCP; to list its tools is a call, to make an image is none",
        v1=True,
    ),
}
