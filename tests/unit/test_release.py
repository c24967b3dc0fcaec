"""The release script refuses what is no release, and the lower bounds are those that are tested."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

release: Any = pytest.importorskip("release", reason="the scripts are in the repository alone")

PROJECT = """
[project]
name = "langchain-streamkit"
version = "{version}"
description = "A summary."
license = "MIT"
requires-python = ">=3.11"
"""
METADATA = """Metadata-Version: 2.4
Version: 0.1.0
Summary: A summary.
License-Expression: MIT
Requires-Python: >=3.11
"""


def git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    command = ["git", "-C", root, *who, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def repository(
    root: Path, *, version: str = "0.1.0", changelog: str = "## 0.1.0 (2026-12-01)\n", tag: str = ""
) -> Path:
    package = root / "src" / "streamkit"
    package.mkdir(parents=True)
    for name in ("__init__.py", "py.typed"):
        (package / name).write_text("")
    (root / "LICENSE").write_text("")
    (root / "pyproject.toml").write_text(PROJECT.format(version=version))
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")
    if tag:
        git(root, "tag", tag)
    return root


class TestIsItARelease:
    def test_a_clean_tagged_commit_with_its_section_is(self, tmp_path: Path) -> None:
        assert [*release.not_a_release(repository(tmp_path, tag="v0.1.0"))] == []

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({}, "no tag: write  git tag -a v0.1.0"),
            ({"tag": "v0.2.0"}, "only v0.2.0: write  git tag -a v0.1.0"),
            ({"tag": "v0.1.0", "changelog": "## Unreleased\n"}, r"## 0.1.0 \(YYYY-MM-DD\)"),
            ({"tag": "v0.1.0", "changelog": ""}, "no section"),
            (
                {
                    "tag": "v0.1.0.dev0",
                    "version": "0.1.0.dev0",
                    "changelog": "## 0.1.0.dev0 (2026-12-01)",
                },
                "no version of a release",
            ),
        ],
    )
    def test_any_other_is_told_what_is_missing(
        self, given: dict[str, Any], reason: str, tmp_path: Path
    ) -> None:
        [found] = release.not_a_release(repository(tmp_path, **given))
        assert re.search(reason, found)

    def test_a_changed_tree_is_none(self, tmp_path: Path) -> None:
        root = repository(tmp_path, tag="v0.1.0")
        (root / "LICENSE").write_text("mine")
        (root / "note.txt").write_text("")
        assert [*release.not_a_release(root)] == ["the tree is not clean: commit or remove 2 files"]


def wheel(path: Path, *names: str, metadata: str = METADATA) -> Path:
    info = "langchain_streamkit-0.1.0.dist-info/"
    made = ("WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*names, *(info + it for it in made)):
            archive.writestr(name, "")
        archive.writestr(f"{info}METADATA", metadata)
    return path


def sdist(path: Path, *names: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"langchain_streamkit-0.1.0/{name}"), io.BytesIO())
    return path


ALL = ("streamkit/__init__.py", "streamkit/py.typed")


class TestTheFiles:
    def test_a_wheel_of_the_package_alone_is_right(self, tmp_path: Path) -> None:
        root = repository(tmp_path / "r")
        assert [*release.wrong_in_wheel(wheel(tmp_path / "w.whl", *ALL), root)] == []

    @pytest.mark.parametrize(
        ("names", "faults"),
        [
            ((*ALL, "tests/test_a.py"), ["the wheel has the stray file tests/test_a.py"]),
            (
                ALL[:1],
                [
                    "the wheel lacks streamkit/py.typed",
                    "the wheel has no py.typed: type checkers would ignore the annotations",
                ],
            ),
        ],
    )
    def test_a_wheel_of_more_or_less_is_not(
        self, names: tuple[str, ...], faults: list[str], tmp_path: Path
    ) -> None:
        root = repository(tmp_path / "r")
        assert [*release.wrong_in_wheel(wheel(tmp_path / "w.whl", *names), root)] == faults

    def test_metadata_of_another_version_is_a_fault(self, tmp_path: Path) -> None:
        root = repository(tmp_path / "r")
        old = METADATA.replace("0.1.0", "0.0.9")
        [found] = release.wrong_in_wheel(wheel(tmp_path / "w.whl", *ALL, metadata=old), root)
        assert found == "Version of the wheel is '0.0.9', not '0.1.0'"

    def test_an_sdist_has_what_is_tracked_and_nothing_else(self, tmp_path: Path) -> None:
        root = repository(tmp_path / "r")
        ours = ("PKG-INFO", "LICENSE", "src/streamkit/__init__.py", "src/streamkit/py.typed")
        assert [*release.wrong_in_sdist(sdist(tmp_path / "a.tar.gz", *ours), root)] == []
        assert [*release.wrong_in_sdist(sdist(tmp_path / "b.tar.gz", *ours[:3], ".env"), root)] == [
            "the sdist lacks src/streamkit/py.typed",
            "the sdist has the stray file .env",
        ]

    @pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout")
    def test_copies_of_others_have_their_licences_here(self) -> None:
        assert [*release.without_licence(ROOT)] == []

    def test_a_copy_without_its_licence_is_a_fault(self, tmp_path: Path) -> None:
        vendor = tmp_path / "page" / "vendor"
        vendor.mkdir(parents=True)
        (vendor / "package.json").write_text('{"dependencies": {"marked": "1"}}')
        repository(tmp_path)
        assert [*release.without_licence(tmp_path)] == ["page/vendor has no marked.LICENSE"]


@pytest.mark.skipif(not (ROOT / ".ci").is_dir(), reason="the sets are in the repository alone")
def test_the_oldest_versions_tested_are_the_lower_bounds() -> None:
    """What a base install and each extra ask for at least is what the suite runs on."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    users = ("langgraph", "terminal", "otel", "serve", "redis", "testing")
    wanted = [*project["dependencies"], *(it for name in users for it in extras[name])]
    bounds = dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(wanted), re.MULTILINE))
    pins = dict(it.split("==") for it in (ROOT / ".ci" / "oldest.txt").read_text().split())
    assert {name: _padded(it) for name, it in bounds.items()} == {
        name: _padded(it) for name, it in pins.items()
    }


def _padded(version: str) -> list[int]:
    return [*map(int, version.split(".")), 0, 0][:3]
