"""The documents: links work, pages stay short, and what they list is complete."""

import re
from pathlib import Path

import pytest

from tests.helpers import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS += [ROOT / "benchmarks/log.md"]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(path: Path) -> None:
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not target.startswith("https://"):
            assert (path.parent / target).is_file(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_paths_in_code_exist(path: Path) -> None:
    for name in re.findall(r"`((?:src|stages|tools|tests|recipes|benchmarks)/[\w/.-]+)`", path.read_text()):
        assert (ROOT / name).exists(), f"{path.name} mentions {name}"


def test_no_placeholder_is_left() -> None:
    assert not [path.name for path in DOCUMENTS if re.search(r"@@|@[A-Z_]{3,}", path.read_text())]


def test_pages_are_short() -> None:
    limits = {ROOT / "README.md": 130, ROOT / "CONTRIBUTING.md": 60}
    for path in DOCUMENTS:
        lines = len(path.read_text().splitlines())
        assert lines <= limits.get(path, 150), f"{path.name} has {lines} lines"


def test_the_readme_links_to_every_page() -> None:
    text = (ROOT / "README.md").read_text()
    assert all(f"](docs/{path.name})" in text for path in (ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_page_starts_with_a_title_and_an_introduction(path: Path) -> None:
    title, empty, first = path.read_text().splitlines()[:3]
    assert title.startswith("# ")
    assert not empty
    assert re.match(r"[A-Z\[`]\w", first), f"{path.name} has no introduction"


def test_every_tool_and_target_that_is_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(path.read_text() for path in DOCUMENTS)
    assert set(re.findall(r"(?:`|\$ )make ([a-z]+)", text)) <= targets
    for module in re.findall(r"python -m ((?:tools|benchmarks|stages)\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
