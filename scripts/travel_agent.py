"""The agent of docs/look.md: `travel` asks its sub-agent `scout` through a tool."""

from langchain.agents import create_agent
from langchain_core.tools import tool

from streamkit.testing import Call, Reply, ScriptedChatModel


@tool
def search(query: str) -> str:  # noqa: ARG001
    """Search the guidebook."""
    return "Osteria Lina, by the market: tagliatelle."


@tool
def find_trains(to: str) -> str:
    """Find trains to a city."""
    return f"Trains to {to} leave at 8:05 and 9:05."


scout = create_agent(
    ScriptedChatModel(
        model="small",
        pace=0.005,
        script=[
            Reply(
                tool_calls=(Call("search", {"query": "food in Bologna"}, "call_1"),), usage=(84, 21)
            ),
            Reply("Eat tagliatelle at Osteria Lina, by the market.", usage=(131, 14)),
        ],
    ),
    [search],
    name="scout",
)


@tool
async def ask_scout(question: str) -> str:
    """Ask a scout who knows the city."""
    answer = await scout.ainvoke({"messages": [("human", question)]})
    return answer["messages"][-1].text


travel = create_agent(
    ScriptedChatModel(
        model="large",
        pace=0.005,
        script=[
            Reply(
                "Let me ask around.",
                reasoning="I need a place to eat and a train.",
                tool_calls=(
                    Call("ask_scout", {"question": "Where to eat?"}, "call_2"),
                    Call("find_trains", {"to": "Bologna"}, "call_3"),
                ),
                usage=(212, 58),
            ),
            Reply("Take the 9:05 train, then eat tagliatelle at Osteria Lina.", usage=(304, 19)),
        ],
    ),
    [ask_scout, find_trains],
    name="travel",
)
question = {"messages": [("human", "Plan me a day in Bologna.")]}
