"""The trip planner's prompts, one for each node, and the script of the scripted model."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from streamkit._scripted_model import Call, Reply, turn

FOOD = "You know where to eat on a city trip. Name one place in one short sentence."
SIGHTS = "You know what to see on a city trip. Name two sights in one short sentence."
PLANNER = (
    "You plan city trips. First call check_weather, find_trains and reserve_table, all three in "
    "one turn and the table for Monday. If the table is refused, reserve it for another day. "
    "Then write the plan in two short sentences."
)
CONFIRM = "You confirm booked trips. Thank for the booking in one short sentence with its number."

SCRIPT: dict[str, tuple[Reply, ...]] = {
    FOOD: (Reply("Eat tagliatelle at Osteria Lina, by the market.", usage=(58, 11)),),
    SIGHTS: (Reply("Climb the Asinelli tower and walk the porticoes.", usage=(61, 12)),),
    PLANNER: (
        Reply(
            "Let me check a few things.",
            reasoning="I need the weather, a train and a table.",
            tool_calls=(
                Call("check_weather", {"city": "Bologna"}, "call_weather"),
                Call("find_trains", {"to": "Bologna"}, "call_trains"),
                Call("reserve_table", {"place": "Osteria Lina", "day": "Monday"}, "call_monday"),
            ),
            usage=(214, 76),
        ),
        Reply(
            reasoning="Closed on Monday, so I try Tuesday.",
            tool_calls=(
                Call("reserve_table", {"place": "Osteria Lina", "day": "Tuesday"}, "call_tuesday"),
            ),
            usage=(331, 38),
        ),
        Reply(
            "On Monday take the 9:05 train and walk the porticoes in the sun. "
            "On Tuesday climb the tower, then dine at Osteria Lina at eight.",
            usage=(388, 34),
        ),
    ),
    CONFIRM: (Reply("All booked as BLQ-4821, have a lovely time!", usage=(47, 13)),),
}
"""The answers of the scripted model, by the prompt of the node that asks it."""


def reply_by_prompt(messages: Sequence[BaseMessage]) -> Reply:
    """The scripted reply to a node, known by the prompt it starts with."""
    asked = str(messages[0].content)
    replies = next(replies for prompt, replies in SCRIPT.items() if asked.startswith(prompt))
    return replies[turn(messages)]
