"""What a node writes to its graph's state, in every shape that LangGraph takes."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage

from streamkit._core.writes import ChannelWrite, channel_writes, channels_in, messages_in

ONE, TWO = HumanMessage("one", id="1"), AIMessage("two", id="2")


def write(channel: str, *messages: Any, removed: Any = (), is_whole: bool = False) -> ChannelWrite:
    return ChannelWrite(channel, list(messages), list(removed), is_whole)


@dataclass
class State:
    messages: list[Any] = field(default_factory=list[Any])
    count: int = 0


SHAPES: dict[str, tuple[Any, list[ChannelWrite]]] = {
    "nothing": (None, []),
    "a message": (ONE, [write("", ONE)]),
    "a list of messages": ([ONE, TWO], [write("", ONE, TWO)]),
    "a message in a channel": ({"answer": TWO}, [write("answer", TWO)]),
    "channels": ({"a": [ONE], "b": [TWO]}, [write("a", ONE), write("b", TWO)]),
    "a list of updates": ([{"a": [ONE]}, {"a": [TWO]}], [write("a", ONE), write("a", TWO)]),
    "a dataclass": (State([ONE]), [write("messages", ONE)]),
    "a removal": (
        {"m": [RemoveMessage(id="1"), TWO]},
        [write("m", TWO, removed=["1"])],
    ),
    "a removal that is taken back": (
        {"m": [RemoveMessage(id="1"), ONE]},
        [write("m", ONE)],
    ),
    "a removal that names no message": (
        {"m": [RemoveMessage.model_construct(id=None, content="", type="remove"), ONE]},
        [write("m", ONE)],
    ),
    "the removal of all": (
        {"m": [ONE, RemoveMessage(id="1"), RemoveMessage(id="__remove_all__"), TWO]},
        [write("m", TWO, is_whole=True)],
    ),
    "an overwrite, as a dict": (
        {"m": {"__overwrite__": [TWO]}},
        [write("m", TWO, is_whole=True)],
    ),
    "an overwrite, as its fields": (
        {"m": {"value": [TWO], "type": "__overwrite__"}},
        [write("m", TWO, is_whole=True)],
    ),
}


def test_a_state_whose_fields_raise_writes_nothing() -> None:
    class Broken:
        model_fields = ("messages",)

        @property
        def messages(self) -> Any:
            raise RuntimeError("no")

    assert channel_writes(Broken()) == []
    assert channels_in(Broken()) == set()


def test_the_channels_of_a_state_are_all_that_it_names() -> None:
    assert channels_in(State([ONE])) == {"messages", "count"}
    assert channels_in({"messages": "one", "count": 1}) == {"messages", "count"}
    assert channels_in([ONE]) == {""}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_write_is_read_channel_by_channel(shape: str) -> None:
    values, expected = SHAPES[shape]
    assert channel_writes(values) == expected


def test_commands_and_overwrites_of_langgraph() -> None:
    types = pytest.importorskip("langgraph.types")
    command = types.Command(update={"m": [ONE]})
    assert channel_writes(command) == [write("m", ONE)]
    assert messages_in([command, [types.Command(update={"m": [TWO]})]]) == [ONE, TWO]
    if hasattr(types, "Overwrite"):
        assert channel_writes({"m": types.Overwrite([TWO])}) == [write("m", TWO, is_whole=True)]


@pytest.mark.parametrize("values", [3, "text", {"n": 1}, [1, "a", None], {"m": [object()]}])
def test_what_is_no_message_is_passed_over(values: Any) -> None:
    assert messages_in(values) == []
