"""The real LangChain clients, pointed at a `ProviderServer`.

Each skips the calling test when its package is not installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from .server import ProviderServer


def chat_openai(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatOpenAI` on chat completions."""
    openai = pytest.importorskip(
        "langchain_openai", reason="langchain-openai is not installed: no ChatOpenAI to test"
    )
    kw = {"model": "gpt-test", "stream_usage": True, "max_retries": 0, "timeout": 10, **kw}
    return openai.ChatOpenAI(base_url=server.url + "/v1", api_key="test", **kw)


def chat_openai_responses(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatOpenAI` on the Responses API."""
    return chat_openai(server, **{"use_responses_api": True, **kw})


def chat_anthropic(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatAnthropic` on messages."""
    anthropic = pytest.importorskip(
        "langchain_anthropic",
        reason="langchain-anthropic is not installed: no ChatAnthropic to test",
    )
    kw = {"model": "claude-test", "max_tokens": 2048, "max_retries": 0, "timeout": 10, **kw}
    return anthropic.ChatAnthropic(base_url=server.url, api_key="test", **kw)
