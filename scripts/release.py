"""Build and check the files of a release.

    python scripts/release.py            # at a tag: check, build, say what to run to publish
    python scripts/release.py --check    # on any commit: build and check the files only

Needs the packages of the extra ``release``. The files go to ``dist/``, or to ``--out``. A release
is the tag ``vX.Y.Z`` of a clean tree, in which pyproject.toml says that version and CHANGELOG.md
has a section of it. Publishing is one command, which this script prints and never runs.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "src/streamkit/"
SDIST_HAS = ("src/", "tests/", "docs/", "scripts/", "benchmarks/", "examples/", "README", "LICENSE")


def git(*arguments: str, root: Path) -> str:
    """Return what a git command prints."""
    run = ["git", "-C", str(root), *arguments]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


def tracked(root: Path) -> set[str]:
    """Return the files under version control."""
    return set(git("ls-files", root=root).splitlines())


def project(root: Path) -> dict[str, str]:
    """Return the table ``project`` of pyproject.toml."""
    table: dict[str, str] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return table


# --- is the commit a release?


def not_a_release(root: Path) -> Iterator[str]:
    """Return one line for each reason why the commit is no release."""
    version = project(root)["version"]
    if changed := git("status", "--porcelain", root=root):
        yield f"the tree is not clean: commit or remove {len(changed.splitlines())} files"
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        yield f"{version} is no version of a release: change it in pyproject.toml"
    sections = re.findall(r"^## (.+)$", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    if not sections or not re.fullmatch(
        rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", sections[0]
    ):
        yield (
            f"CHANGELOG.md begins with {'## ' + sections[0] if sections else 'no section'!r}: "
            f"name the section  ## {version} (YYYY-MM-DD)"
        )
    tags = git("tag", "--points-at", "HEAD", root=root).split()
    if f"v{version}" not in tags:
        found = f"only {', '.join(tags)}" if tags else "no tag"
        yield f"the commit has {found}: write  git tag -a v{version} -m 'streamkit {version}'"


# --- the files


def build(root: Path, out: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel out of the sdist; return both paths."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "build", "-o", out, root]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    [wheel], [sdist] = out.glob("*.whl"), out.glob("*.tar.gz")
    return wheel, sdist


def wrong_in_wheel(wheel: Path, root: Path) -> Iterator[str]:
    """Return one line for each fault of the wheel: the package, its metadata, and nothing else."""
    about = project(root)
    info = f"langchain_streamkit-{about['version']}.dist-info/"
    sources = {it.removeprefix("src/") for it in tracked(root) if it.startswith(PACKAGE)}
    made = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
    with zipfile.ZipFile(wheel) as archive:
        yield from _compared(
            "the wheel", set(archive.namelist()), sources | {info + it for it in made}
        )
        if "streamkit/py.typed" not in archive.namelist():
            yield "the wheel has no py.typed: type checkers would ignore the annotations"
        metadata = Parser().parsestr(archive.read(f"{info}METADATA").decode())
    for field, expected in (
        ("Version", about["version"]),
        ("Requires-Python", about["requires-python"]),
        ("License-Expression", about["license"]),
        ("Summary", about["description"]),
    ):
        if metadata[field] != expected:
            yield f"{field} of the wheel is {metadata[field]!r}, not {expected!r}"


def wrong_in_sdist(sdist: Path, root: Path) -> Iterator[str]:
    """Return one line for each fault of the sdist: what tests and pages need, and nothing stray."""
    with tarfile.open(sdist) as archive:
        names = {it.name.partition("/")[2] for it in archive.getmembers() if it.isfile()}
    expected = {it for it in tracked(root) if it.startswith(SDIST_HAS)}
    also = {"PKG-INFO", "pyproject.toml", ".gitignore"} | (tracked(root) - expected)
    yield from _compared("the sdist", names - also, expected)


def _compared(what: str, found: set[str], expected: set[str]) -> Iterator[str]:
    for title, files in (("lacks", expected - found), ("has the stray file", found - expected)):
        yield from (f"{what} {title} {it}" for it in sorted(files))


def without_licence(root: Path) -> Iterator[str]:
    """Return one line for each package of others that is copied here without its licence.

    Copies are in a directory ``vendor``, whose package.json names the packages.
    """
    for name in sorted(it for it in tracked(root) if "vendor" in Path(it).parent.parts):
        directory = (root / name).parent
        if not (directory / "package.json").is_file():
            yield f"{name}: {directory.name}/package.json does not say where it comes from"
        elif name.endswith("package.json"):
            for package in json.loads((root / name).read_text())["dependencies"]:
                if not (directory / f"{package}.LICENSE").is_file():
                    yield f"{directory.relative_to(root)} has no {package}.LICENSE"


# --- the command


def main() -> int:
    """Check, build, check what was built, and say how to publish it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="build and check on any commit")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the files go")
    arguments = parser.parse_args()

    wrong = [*without_licence(ROOT), *(() if arguments.check else not_a_release(ROOT))]
    if not wrong:
        files = build(ROOT, arguments.out)
        wrong = [*wrong_in_wheel(files[0], ROOT), *wrong_in_sdist(files[1], ROOT)]
        twine = [sys.executable, "-m", "twine", "check", "--strict", *map(str, files)]
        if subprocess.run(twine, check=False).returncode:
            wrong.append("twine does not accept the files")
    for line in wrong:
        print(f"not released: {line}", file=sys.stderr)
    if wrong:
        return 1
    print(*(f"{it}  {it.stat().st_size:,} bytes" for it in files), sep="\n")
    if not arguments.check:
        version = project(ROOT)["version"]
        print(f"\nto publish, run\n  git push origin v{version}")
        print(f"  {Path(sys.executable).name} -m twine upload {' '.join(map(str, files))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
