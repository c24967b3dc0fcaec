"""The real LangChain clients, pointed at a `ProviderServer`.

Each skips the calling test when its package is not installed.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.language_models.llms import BaseLLM

    from .server import ProviderServer


def package_of(client: str, package: str) -> Any:
    """The package, or a skip that says what it would have been for."""
    name = package.replace("_", "-")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some packages warn when they are imported
        return pytest.importorskip(package, reason=f"{name} is not installed: no {client} to test")


def chat_openai(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatOpenAI` on chat completions."""
    openai = package_of("ChatOpenAI", "langchain_openai")
    kw = {"model": "gpt-test", "stream_usage": True, "max_retries": 0, "timeout": 10, **kw}
    return openai.ChatOpenAI(base_url=server.url + "/v1", api_key="test", **kw)


def chat_openai_responses(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatOpenAI` on the Responses API."""
    return chat_openai(server, **{"use_responses_api": True, **kw})


def azure_chat_openai(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`AzureChatOpenAI` on chat completions."""
    openai = package_of("AzureChatOpenAI", "langchain_openai")
    kw = {"model": "gpt-test", "stream_usage": True, "max_retries": 0, "timeout": 10, **kw}
    return openai.AzureChatOpenAI(
        azure_endpoint=server.url, azure_deployment="d", api_version="1", api_key="test", **kw
    )


def openai_completions(server: ProviderServer, **kw: Any) -> BaseLLM:
    """`OpenAI`, which completes text and knows no messages."""
    openai = package_of("OpenAI", "langchain_openai")
    kw = {"model": "gpt-test", "max_retries": 0, "timeout": 10, **kw}
    return openai.OpenAI(base_url=server.url + "/v1", api_key="test", **kw)


def chat_anthropic(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatAnthropic` on messages."""
    anthropic = package_of("ChatAnthropic", "langchain_anthropic")
    kw = {"model": "claude-test", "max_tokens": 2048, "max_retries": 0, "timeout": 10, **kw}
    return anthropic.ChatAnthropic(base_url=server.url, api_key="test", **kw)


def chat_google(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatGoogleGenerativeAI` on streamGenerateContent."""
    google = package_of("ChatGoogleGenerativeAI", "langchain_google_genai")
    kw = {"model": "gemini-test", "max_retries": 0, "timeout": 10, **kw}
    return google.ChatGoogleGenerativeAI(base_url=server.url, api_key="test", **kw)


def chat_groq(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatGroq` on chat completions."""
    groq = package_of("ChatGroq", "langchain_groq")
    kw = {"model": "groq-test", "max_retries": 0, "timeout": 10, **kw}
    return groq.ChatGroq(base_url=server.url, api_key="test", **kw)


def chat_mistral(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatMistralAI` on chat completions."""
    mistral = package_of("ChatMistralAI", "langchain_mistralai")
    kw = {"model": "mistral-test", "max_retries": 0, "timeout": 10, **kw}
    return mistral.ChatMistralAI(base_url=server.url + "/v1", api_key="test", **kw)


def chat_deepseek(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatDeepSeek` on chat completions."""
    deepseek = package_of("ChatDeepSeek", "langchain_deepseek")
    kw = {"model": "deepseek-test", "stream_usage": True, "max_retries": 0, "timeout": 10, **kw}
    return deepseek.ChatDeepSeek(base_url=server.url + "/v1", api_key="test", **kw)


def chat_openrouter(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatOpenRouter` on chat completions."""
    openrouter = package_of("ChatOpenRouter", "langchain_openrouter")
    kw = {"model": "openrouter-test", "stream_usage": True, "max_retries": 0, **kw}
    return openrouter.ChatOpenRouter(base_url=server.url + "/api/v1", api_key="test", **kw)


def chat_bedrock(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatBedrockConverse` on converse-stream."""
    aws = package_of("ChatBedrockConverse", "langchain_aws")
    kw = {"model": "anthropic.claude-test", "region_name": "us-east-1", "max_retries": 0, **kw}
    kw = {"disable_streaming": False, **kw}  # models that it does not know it would not stream
    return aws.ChatBedrockConverse(
        base_url=server.url, aws_access_key_id="test", aws_secret_access_key="test", **kw
    )


def chat_cohere(server: ProviderServer, **kw: Any) -> BaseChatModel:
    """`ChatCohere` on version 2 of its chat."""
    cohere = package_of("ChatCohere", "langchain_cohere")
    kw = {"model": "command-test", "timeout_seconds": 10, **kw}
    return cohere.ChatCohere(base_url=server.url, cohere_api_key="test", **kw)
