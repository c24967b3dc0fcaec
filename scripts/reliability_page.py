"""Writes the tables in docs/reliability.md: ``python scripts/build_pages.py``."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from streamkit._secrets import NEVER, OUTPUTS, PRIVATE
from streamkit.values import ErrorInfo, Origin

PAGE = Path(__file__).parent.parent / "docs" / "reliability.md"
LEAVES = re.compile(r"(?<=<!-- leaves -->\n\n).*?(?=\n<!-- end -->)", re.DOTALL)
FAULTS = re.compile(r"(?<=<!-- faults -->\n\n).*?(?=\n<!-- end -->)", re.DOTALL)

INSTEAD = {
    "_none": "null",
    "_no_fields": "{}",
    "_no_metadata": "{}",
    "_no_text": "an empty text",
    "_unless_prompt": "the output, unless the step is a prompt",
}
_PRIVATE = "unless `private=True`"
BY_FIELD = {
    ("MessageEnd", "response_metadata"): "{}",
    ("ToolEnd", "output"): "the output, once its node has put it into a message",
    ("ToolEnd", "artifact"): "the artifact, once the output is confirmed",
    ("Checkpoint", "config"): "the ids of the checkpoint",
    ("Checkpoint", "parent_config"): "the ids of the checkpoint",
    ("RetrievalEnd", "documents"): "where the documents are from",
}


def _name(cls: type) -> str:
    if cls in {ErrorInfo, Origin}:
        return {ErrorInfo: "every error", Origin: "every origin"}[cls]
    return f"`{cls.__struct_config__.tag}`"  # type: ignore[attr-defined]


def leaves() -> str:
    """The table of the fields that stay in the process."""
    rows = ["| of | field | what leaves instead | when |", "|---|---|---|---|"]
    for table, when in ((NEVER, "always"), (PRIVATE, _PRIVATE), (OUTPUTS, "in the preset `ui`")):
        for cls, fields in table.items():
            for field, make in fields.items():
                instead = BY_FIELD.get((cls.__name__, field)) or INSTEAD[make.__name__]
                rows.append(f"| {_name(cls)} | `{field}` | {instead} | {when} |")
    return "\n".join(rows) + "\n"


def faults() -> str:
    """The table of the cells of the matrix of faults."""
    from fault_matrix import ASYNC_FAULTS, RUNNERS, SYNC_FAULTS, cells

    counts = Counter((cell.fault, cell.runner) for cell in cells())
    runners = ("sync", *RUNNERS)
    rows = [f"| fault | {' | '.join(runners)} |", f"|---|{'---:|' * len(runners)}"]
    for fault in dict.fromkeys((*SYNC_FAULTS, *ASYNC_FAULTS)):
        numbers = (f"{counts[fault, it]:,}" if counts[fault, it] else "" for it in runners)
        rows.append(f"| {fault} | {' | '.join(numbers)} |")
    sums = (f"{sum(n for (_, at), n in counts.items() if at == it):,}" for it in runners)
    rows.append(f"| **all: {counts.total():,}** | {' | '.join(sums)} |")
    return "\n".join(rows) + "\n"


def page(*, counted: bool = True) -> str:
    """The page as it is, with the tables as they should be; the counts depend on upstream."""
    text = LEAVES.sub(lambda _: leaves(), PAGE.read_text())
    return FAULTS.sub(lambda _: faults(), text) if counted else text


if __name__ == "__main__":
    PAGE.write_text(page())
