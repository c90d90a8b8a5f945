"""The HTML pages in a real browser, the system's Chromium, headless."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from src.compare.comparison import Mistake, Result, compare
from src.compare.page import comparison_page
from src.report.page import Chart, report_page
from tests.builders import make_report_results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing; install the system's package chromium")
CLASSES = ["0", "<script>alert(1)</script>", "T-shirt & 'top' \"x\""]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Open pages from disk; fail at the end if one requested anything or wrote to the console."""
    noise: list[str] = []
    contexts = []

    def open_page(text: str, **settings: Any) -> Page:
        path = tmp_path / "index.html"
        path.write_text(text)
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        page.on("request", lambda request: noise.append(request.url) if request.url.startswith("http") else None)
        page.on("dialog", lambda dialog: noise.append(dialog.message))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert noise == []


def page_text(count: int, classes: list[str] = CLASSES, members: int = 1) -> str:
    """The report page of the given number of mistakes; that of an ensemble also shows augmented images."""
    return report_page(make_report_results(count, classes, members), (28, 28), [Chart(b"", "a chart")])


def test_mistakes_are_filtered_and_sorted(show: Callable[..., Page]) -> None:
    page = show(page_text(60))
    entries = page.locator("#gallery li")
    assert entries.count() == 60
    assert page.locator("#count").inner_text() == "60 of 60 mistakes"
    page.select_option("#order", "index")
    assert "image 0," in entries.first.inner_text()
    page.select_option("#order", "loss")
    losses = [float(text.split("loss ")[1].split("\n")[0]) for text in entries.all_inner_texts()]
    assert losses == sorted(losses, reverse=True)
    page.select_option("#actual", CLASSES[1])
    assert 0 < entries.count() < 60
    assert all(text.strip().startswith(CLASSES[1]) for text in entries.all_inner_texts())
    page.click("#all")
    assert entries.count() == 60
    cell = page.locator(".confusion button").nth(2)
    cell.click()
    assert cell.get_attribute("aria-pressed") == "true"
    assert entries.count() == int(cell.inner_text())


def test_the_page_can_be_used_with_the_keyboard_alone(show: Callable[..., Page]) -> None:
    page = show(page_text(10))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("details").get_attribute("open") is not None
    assert page.locator("details").get_by_text("model.dropout").is_visible()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.confusion') !== null")
    page.keyboard.press("Enter")
    pressed = page.locator(".confusion button[aria-pressed=true]")
    assert pressed.count() == 1
    assert page.locator("#gallery li").count() == int(pressed.inner_text())


def test_class_names_are_escaped_and_images_have_descriptions(show: Callable[..., Page]) -> None:
    page = show(page_text(30))
    assert CLASSES[1] in page.locator(".confusion tbody").inner_text()
    assert page.locator("[role=img]:not([aria-label])").count() == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("#gallery [role=img]").first.get_attribute("aria-label").startswith("Test image ")  # type: ignore[union-attr]


def test_ensemble_and_augmented_images_are_shown_only_if_there_are_any(show: Callable[..., Page]) -> None:
    page = show(page_text(30, members=5))
    assert "single network (mean of 5)\n99.10%" in page.inner_text("dl")
    assert page.locator("img.sheet").evaluate("image => image.naturalWidth") > 0
    page = show(page_text(30))
    assert "single network" not in page.inner_text("dl")
    assert page.locator("img.sheet").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_light_and_dark_mode(show: Callable[..., Page], scheme: str) -> None:
    text = page_text(200, [str(digit) for digit in range(10)])
    page = show(text, viewport={"width": 360, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_page_without_mistakes(show: Callable[..., Page]) -> None:
    page = show(page_text(0))
    assert "No mistakes: every test image was classified correctly." in page.inner_text("main")
    assert page.locator("#gallery").count() == 0


@pytest.mark.parametrize("classes", [2, 100])
def test_a_page_of_nine_thousand_mistakes_is_responsive(show: Callable[..., Page], classes: int) -> None:
    text = page_text(9000, [f"class {number}" for number in range(classes)])
    start = time.monotonic()
    page = show(text)
    assert page.locator("#gallery li").count() == 120
    page.click("#more")
    assert page.locator("#gallery li").count() == 240
    assert time.monotonic() - start < 10


def test_a_comparison_shows_the_fixed_and_broken_images(show: Callable[..., Page]) -> None:
    def make_side(name: str, wrong: list[int]) -> tuple[Result, np.ndarray]:
        mistakes = {index: Mistake("<b>4</b>", "9", 0.75) for index in wrong}
        images = np.array(wrong, np.uint8)[:, None, None, None] * np.ones((1, 1, 5, 5), np.uint8)
        return Result(name, {}, {"evaluate.images": 100.0}, mistakes, "same", {}), images

    (base, base_images), (other, other_images) = make_side("main", [3, 5, 7]), make_side("<i>mine</i>", [5, 90])
    page = show(comparison_page(compare(base, other, 0.05), base_images, other_images))
    assert page.locator("h1").inner_text() == "<i>mine</i> against main: no evidence either way"
    assert [page.locator(f"#{kind} li").count() for kind in ("fixed", "broken")] == [2, 1]
    assert "image 90" in page.locator("#broken").inner_text()
