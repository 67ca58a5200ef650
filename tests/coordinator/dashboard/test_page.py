"""The page's own files: nothing from elsewhere, nothing that turns a word into a tag."""

import re
from importlib import resources

import pytest

from coordinator.dashboard.page import FILES, HEADERS, Page

HERE = resources.files("coordinator.dashboard")
SOURCES = {name: HERE.joinpath(name).read_text() for name, _ in FILES.values()}
UNSAFE = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|srcdoc|DOMParser|setHTML"
)


def test_words_are_only_ever_put_in_as_text() -> None:
    assert not re.findall(UNSAFE, SOURCES["page.js"])
    assert "textContent" in SOURCES["page.js"]


def test_a_fallback_is_told_by_its_flag() -> None:
    """The two names differ without one: `llama3.2` is served by `llama3.2:latest`."""
    assert "trace.fallback_used" in SOURCES["page.js"]
    assert not re.findall(r"original_model\s*!==?", SOURCES["page.js"])


def test_nobody_is_sent_to_the_address_that_the_browser_happens_to_use() -> None:
    """It may be localhost, which is another machine for each who reads it."""
    assert "location." not in SOURCES["page.js"]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    loaded = re.findall(r"""(?:src|href|url|fetch|import)\s*[=(]\s*["']?([^"')\s>]+)""", SOURCES["page.html"])
    assert loaded
    assert all(address.startswith(("/", "#")) for address in loaded), loaded
    for name, text in SOURCES.items():
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), name


def test_no_script_or_style_is_inside_the_page() -> None:
    page = SOURCES["page.html"]
    assert not re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", page)
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("word", ["ids", "classes"])
def test_what_the_script_looks_for_is_in_the_page(word: str) -> None:
    if word == "ids":
        wanted = set(re.findall(r'\$\("([\w-]+)"\)', SOURCES["page.js"]))
        assert wanted
        assert wanted <= set(re.findall(r'id="([\w-]+)"', SOURCES["page.html"]))
    else:
        made = {
            name
            for names in re.findall(r'className: "([\w -]+)"', SOURCES["page.js"])
            for name in names.split()
        }
        styled = set(re.findall(r"\.([a-z][\w-]*)", SOURCES["page.css"]))
        assert made - styled <= {"title"}


def test_routes_are_the_files() -> None:
    assert {route.path for route in Page().routes()} == set(FILES)
