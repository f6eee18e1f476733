"""The pages of the documentation, as they are written: where their links lead, and what their blocks of code are."""

import json
import re

import pytest

from docs_samples import DOCS, groups
from programs import REPOSITORY

PAGES = {path.stem: path.read_text() for path in sorted(DOCS.glob("*.md"))}
OPENAPI = json.loads((REPOSITORY / "rest-edge" / "openapi.json").read_text())
ERROR_CODES = [
    name.lower()
    for name in re.findall(
        r"^  ERROR_CODE_(\w+) = [1-9]\d* ", (REPOSITORY / "proto/chatgateway/v1/error_code.proto").read_text(), re.MULTILINE
    )
]
SETTINGS = re.findall(r"^\| `([A-Z_]+)` \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is shown and not run. Whatever else can be pasted is a sample, which a test runs.
SHOWN_LANGUAGES = {"json", "text", "http"}
TOPICS = "authentication chat conversations errors grpc headers memory quickstart settings system-prompts tools".split()


def prose(page):
    return FENCE.sub("", PAGES[page])


def headings(page):
    return re.findall(r"^(#+) (.*)$", prose(page), re.MULTILINE)


def anchor(heading):
    """The anchor of a heading, as the build of the pages makes it."""
    return re.sub(r"\W+", "-", heading.replace("`", "").lower()).strip("-")


def targets():
    """Everything on the site that a link may lead to."""
    found = {"/", "/docs", "/openapi", "/openapi.json", "/playground", "/errors"}
    for page in PAGES:
        found.add(f"/docs/{page}")
        found |= {f"/docs/{page}#{anchor(text)}" for level, text in headings(page) if level != "#"}
    found |= {f"/docs/errors#{code}" for code in ERROR_CODES}
    found |= {f"/docs/settings#{name}" for name in SETTINGS}
    found |= {f"/openapi#{call['operationId']}" for path in OPENAPI["paths"].values() for call in path.values()}
    return found


def test_every_topic_has_its_page():
    assert list(PAGES) == TOPICS
    assert len(ERROR_CODES) > 30
    assert len(SETTINGS) > 40


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_one_title_and_no_heading_twice(page):
    assert PAGES[page].startswith("# ")
    assert [level for level, _ in headings(page)].count("#") == 1
    anchors = [anchor(text) for _, text in headings(page)]
    assert len(anchors) == len(set(anchors))


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)]*)\)", prose(page))
    assert [link for link in links if link not in targets()] == []


def test_every_error_is_explained_where_it_can_come_from():
    linked = {code for page in PAGES for code in re.findall(r"/docs/errors#(\w+)\)", prose(page))} & set(ERROR_CODES)
    # These say all there is to say in the catalog: what no client can do anything about, or that a path is wrong.
    assert set(ERROR_CODES) - linked == {"route_not_found", "internal_error", "request_timeout"}


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_a_sample_or_is_only_shown(page):
    for info, text in FENCE.findall(PAGES[page]):
        if not info.startswith("samples "):
            assert info in SHOWN_LANGUAGES, text
        if info == "json":
            json.loads(text)


def test_every_sample_is_on_a_page():
    shown = [info.removeprefix("samples ") for text in PAGES.values() for info, _ in FENCE.findall(text) if "samples" in info]
    assert sorted(shown) == groups()


def test_the_edge_and_the_build_fill_in_what_there_is_one_list_of():
    assert PAGES["errors"].count("\n<!--errors-->\n") == 1
    assert PAGES["settings"].count("\n<!--settings-->\n") == 1
