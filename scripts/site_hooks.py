"""What the site adds to docs/: pages made from docstrings, and files from outside the folder.

`mkdocs build` calls these functions (mkdocs.yml, ``hooks``).
"""

from __future__ import annotations

import posixpath
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent

AT_ROOT = {
    "README.md": "index.md",
    "CHANGELOG.md": "project/CHANGELOG.md",
    "CONTRIBUTING.md": "project/CONTRIBUTING.md",
}
"""Files at the root of the repository, and where the site has them."""
EXAMPLES = ("*.py", "*.html", "*.md")
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(#[^)\s]*)?(?=\))")
DOCTEST = re.compile(r"^(>>> .*\n(?:.+\n)*)", re.MULTILINE)
LOADS = re.compile(r"<(?:script|link|img|iframe)[^>]* (?:src|href)=.?(?:https?:)?//[^>]*>")
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
FORMAT = re.compile(r"`(\w+)`(?=, `| \|$)", re.MULTILINE)


class Doctests(Extension, Preprocessor):
    """Shows the examples of docstrings as code: to Markdown they look like quotations."""

    def extendMarkdown(self, md: Any) -> None:  # noqa: N802
        """Add the step before that of fenced code."""
        md.preprocessors.register(self, "doctests", 40)

    def run(self, lines: list[str]) -> list[str]:
        """Return the lines, with a fence around each example."""
        return DOCTEST.sub(r"```pycon\n\1```\n", "\n".join(lines) + "\n").split("\n")


def on_config(config: Any) -> None:
    """Add the extension for examples, and the page of each module to the navigation."""
    config.markdown_extensions.append(Doctests())
    [section] = (it["Reference"] for it in config.nav if "Reference" in it)
    section.append({"Modules": [{name: f"reference/{name}.md"} for name in _references()]})


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each public module, the project's own pages, and the examples as files."""
    for name, text in _references().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    for name, target in AT_ROOT.items():
        content = (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, target, content=content))
    for path in (it for kind in EXAMPLES for it in (ROOT / "examples").rglob(kind)):
        target = str(path.relative_to(ROOT)).replace(".md", ".txt")
        files.append(File.generated(config, target, content=path.read_bytes()))
    return files


@cache
def _references() -> dict[str, str]:
    """Return a page of directives for each public module: mkdocstrings reads the docstrings."""
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "scripts")]
    import api_page

    pages: dict[str, str] = {}
    for module, name in api_page.names():
        head = f"# `{module.__name__}`\n\n{api_page.about(module)}\n"
        pages.setdefault(module.__name__, head)
        pages[module.__name__] += f"\n::: {module.__name__}.{name}\n"
    return pages


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Change links so that they hold in the site as they do in the repository."""
    here = page.file.src_uri
    if here == "api.md":
        return _linked(markdown)
    origin = next((name for name, it in AT_ROOT.items() if it == here), f"docs/{here}")
    return LINK.sub(lambda it: _in_site(it[1], origin, here) + (it[2] or ""), markdown)


def _in_site(link: str, origin: str, here: str) -> str:
    """Return a link in the file `origin` of the repository as the page `here` must have it."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))
    target = AT_ROOT.get(path, path.removeprefix("docs/"))
    if target.startswith("examples/"):
        target = target.replace(".md", ".txt")
    return posixpath.relpath(target, posixpath.dirname(here) or ".")


def on_post_build(config: Any) -> None:
    """Raise an error if a page loads anything from the web: the site works without a network."""
    for path in Path(config.site_dir).rglob("*.html"):
        for element in LOADS.findall(path.read_text("utf-8")):
            raise PluginError(f"{path.name} loads a file from the web: {element}")


def _linked(markdown: str) -> str:
    """Return the list of names, each linked to its documentation."""
    names, head, formats = markdown.partition("\n## The formats")
    lines, module = [], ""
    for line in names.splitlines():
        if line.startswith("## `"):
            module = line.removeprefix("## `").rstrip("`")
            line = f"## [`{module}`](reference/{module}.md)"  # noqa: PLW2901
        target = rf"reference/{module}.md#{module}.\1"
        lines.append(ROW.sub(rf"| [`\1`]({target}) |", line))
    return "\n".join(lines) + head + FORMAT.sub(r"[`\1`](reference/streamkit.wire.\1.md)", formats)
