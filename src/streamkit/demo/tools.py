"""The tools of the trip planner: a guidebook, and tools that report, write and fail."""

import time

from langchain_core.callbacks import CallbackManagerForRetrieverRun, Callbacks
from langchain_core.callbacks.manager import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import BaseTool, tool
from langgraph.config import get_stream_writer
from typing_extensions import override


class Guidebook(BaseRetriever):
    """A retriever that knows two pages, both on Bologna."""

    @override
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        return [
            Document(
                "Osteria Lina, by the market: tagliatelle.",
                metadata={"title": "Bologna guide, p. 12"},
            ),
            Document(
                "The Asinelli tower and 40 km of porticoes.",
                metadata={"title": "Bologna guide, p. 31"},
            ),
        ]


def trip_tools(pace: float) -> list[BaseTool]:
    """The planner's tools, with `pace` seconds between two of their steps."""

    @tool
    def check_weather(city: str, callbacks: Callbacks = None) -> str:
        """Look up the weather of the coming days in a city."""
        for day in ("Monday", "Tuesday"):
            time.sleep(pace)
            # The callbacks, unlike the config, belong to this very tool run.
            dispatch_custom_event(
                "forecast",
                {"city": city, "day": day, "sky": "sunny"},
                config={"callbacks": callbacks},
            )
        return f"Sunny in {city} on Monday and Tuesday."

    @tool
    def find_trains(to: str) -> str:
        """Find the morning trains to a city."""
        write = get_stream_writer()
        for departure in ("8:05", "9:05"):
            time.sleep(pace)
            write({"train": departure, "to": to})
        return f"Trains to {to} leave at 8:05 and 9:05."

    @tool
    def reserve_table(place: str, day: str) -> str:
        """Reserve a table for two at a place to eat."""
        time.sleep(pace)
        if day == "Monday":
            raise ValueError(f"{place} is closed on Monday")
        return f"A table at {place} on {day} at eight."

    return [check_weather, find_trains, reserve_table]
