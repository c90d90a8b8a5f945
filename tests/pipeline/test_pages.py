"""The HTML pages in a real browser, the system's Chromium, headless."""

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page

from src.common.artifacts import Error
from src.compare.comparison import compare
from src.compare.page import comparison_page
from src.compare.revisions import Result
from src.download.decisions import read_decisions
from src.report.page import Chart, report_page
from src.report.plots import curves_plot, to_svg
from tests.builders import make_epochs, make_report_results

SVG = to_svg(curves_plot(make_epochs(0.5), 1))
DIGITS = [str(digit) for digit in range(10)]
CLASSES = ["0", "<script>alert(1)</script>", "T-shirt & 'top' \"x\""]


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
    """The report page of the given number of errors; that of an ensemble also shows augmented images."""
    return report_page(make_report_results(count, classes, members), (28, 28), [Chart(SVG, "a chart")])


def test_errors_are_filtered_and_sorted(show: Callable[..., Page]) -> None:
    page = show(page_text(60))
    entries = page.locator("#gallery li")
    assert entries.count() == 50
    page.click("#more")
    assert entries.count() == 60
    assert page.locator("#more").is_hidden()
    page.select_option("#order", "index")
    assert "image 0\n" in entries.first.inner_text()
    page.select_option("#order", "loss")
    losses = [float(text.split("loss ")[1].split("\n")[0]) for text in entries.all_inner_texts()]
    assert losses == sorted(losses, reverse=True)
    page.select_option("#actual", CLASSES[1])
    assert 0 < entries.count() < 60
    assert all(text.strip().startswith(CLASSES[1]) for text in entries.all_inner_texts())
    assert page.locator("#count").inner_text() == f"{entries.count()} selected"
    page.click("#all")
    assert entries.count() == 50
    assert page.locator("#count").inner_text() == ""
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_a_phone_in_light_and_dark_mode(show: Callable[..., Page], scheme: str) -> None:
    text = page_text(200, DIGITS)
    page = show(text, viewport={"width": 360, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_possible_label_errors_are_the_confident_errors(show: Callable[..., Page]) -> None:
    errors = make_report_results(60, CLASSES).errors
    confident = [f"image {error.index}\n" for error in errors if error.confidence > 0.9]
    page = show(page_text(60))
    page.select_option("#confidence", label="above 90%: label may be wrong")
    texts = page.locator("#gallery li").all_inner_texts()
    assert 0 < len(texts) == len(confident) < 50
    assert all(any(image in text for text in texts) for image in confident)
    page.click("#all")
    assert page.locator("#gallery li").count() == 50


def test_a_link_leads_back_from_the_gallery_to_the_cell(show: Callable[..., Page]) -> None:
    page = show(page_text(60, DIGITS), viewport={"width": 375, "height": 600})
    back, cell = page.locator("#back"), page.locator(".confusion button").nth(7)
    assert back.is_hidden()
    cell.click()
    assert page.evaluate("document.activeElement.id") == "back"
    assert not is_in_view(cell)
    page.keyboard.press("Enter")
    assert cell.evaluate("cell => cell === document.activeElement")
    assert is_in_view(cell)
    page.click("#all")
    assert back.is_hidden()


def is_in_view(element: Locator) -> bool:
    """Tell whether the upper left corner of an element is on the screen and not covered by another element."""
    return bool(
        element.evaluate(
            "element => { const {x, y} = element.getBoundingClientRect();"
            " return element.contains(document.elementFromPoint(x + 5, y + 5)); }"
        )
    )


def test_the_classes_stay_in_view_when_the_matrix_scrolls(show: Callable[..., Page]) -> None:
    page = show(page_text(200, DIGITS), viewport={"width": 375, "height": 700})
    label = page.locator(".confusion tbody th").first
    label.scroll_into_view_if_needed()
    page.locator(".scroll:has(.confusion)").evaluate("matrix => matrix.scrollTo(200, 0)")
    assert page.locator(".scroll:has(.confusion)").evaluate("matrix => matrix.scrollLeft") == 200
    assert is_in_view(label)


def pixel(page: Page, x: float, y: float) -> tuple[int, ...]:
    """Return the colour of a pixel of the whole page."""
    clip = {"x": int(x), "y": int(y), "width": 1, "height": 1}
    with Image.open(io.BytesIO(page.screenshot(full_page=True, clip=clip))) as image:  # type: ignore[arg-type]
        return image.convert("RGB").getpixel((0, 0))  # type: ignore[return-value]


@pytest.mark.parametrize(("scheme", "background"), [("light", (255, 255, 255)), ("dark", (22, 22, 24))])
def test_charts_have_the_colours_of_the_page(
    show: Callable[..., Page], scheme: str, background: tuple[int, ...]
) -> None:
    page = show(page_text(10, DIGITS), color_scheme=scheme)
    box = page.locator(".charts [role=img]").bounding_box()
    assert box
    assert pixel(page, box["x"] + 1, box["y"] + 1) == background
    text = page.evaluate("getComputedStyle(document.body).color")
    assert page.locator(".charts svg text").first.evaluate("text => getComputedStyle(text).fill") == text


def test_a_shadow_shows_that_the_matrix_scrolls(show: Callable[..., Page]) -> None:
    text = page_text(10, DIGITS)
    for width, scrolls in ((375, True), (1200, False)):
        page = show(text, viewport={"width": width, "height": 700})
        matrix = page.locator(".scroll:has(.confusion)")
        assert matrix.evaluate("matrix => matrix.scrollWidth > matrix.clientWidth") == scrolls
        box = matrix.bounding_box()
        assert box
        x, y = box["x"] + box["width"] - 1, box["y"] + 2  # above the names of the classes
        assert (pixel(page, x, y) != (255, 255, 255)) == scrolls
        matrix.evaluate("matrix => matrix.scrollTo(1000, 0)")
        assert pixel(page, x, y) == (255, 255, 255)


@pytest.mark.parametrize(("width", "height"), [(1200, 3800), (375, 5800)])
def test_nothing_wraps_and_the_page_is_short(show: Callable[..., Page], width: int, height: int) -> None:
    page = show(page_text(50, DIGITS, members=5), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollHeight") < height
    assert page.evaluate("document.documentElement.scrollWidth") == width
    line_counts = """element => { const range = document.createRange(); range.selectNodeContents(element);
      return new Set([...range.getClientRects()].map(box => Math.round(box.bottom))).size; }"""
    for small in page.locator(".figures small, .recall small").all():
        assert small.evaluate(line_counts) == 1
    cards = [card.bounding_box() for card in page.locator(".figures div").all()]
    assert len({box["y"] for box in cards if box}) == (1 if width == 1200 else 4)
    wrapped = """text => text.offsetHeight / parseFloat(getComputedStyle(text).lineHeight)
      - text.textContent.split("\\n").length"""
    for text in page.locator("#gallery .soft").all()[:10]:
        assert text.evaluate(wrapped) == pytest.approx(0, abs=0.1)
    controls = page.locator(".controls select, .controls button")
    assert len({round(box["height"]) for box in (control.bounding_box() for control in controls.all()) if box}) == 1


def test_wide_pages_show_the_matrix_beside_the_recall(show: Callable[..., Page]) -> None:
    page = show(page_text(60, DIGITS), viewport={"width": 1200, "height": 800})
    matrix, recall = (page.locator(part).bounding_box() for part in (".confusion", ".recall"))
    assert matrix
    assert recall
    assert recall["x"] > matrix["x"] + matrix["width"]
    assert recall["x"] + recall["width"] > 1150
    assert recall["y"] < matrix["y"]


def test_the_date_is_that_of_the_file(show: Callable[..., Page], tmp_path: Path) -> None:
    page = show(page_text(1), timezone_id="UTC")
    os.utime(tmp_path / "index.html", (1_795_584_000, 1_795_584_000))
    page.reload()
    assert page.inner_text("#written") == "file written 25 Nov 2026, 05:20"


def test_decisions_become_lines_that_labels_csv_takes(show: Callable[..., Page], tmp_path: Path) -> None:
    def asks_before_leaving() -> bool:
        return not page.evaluate("dispatchEvent(new Event('beforeunload', {cancelable: true}))")

    page = show(page_text(3))
    assert not asks_before_leaving()
    cards, lines = page.locator("#checks li"), page.locator("#lines")
    assert cards.count() == 2 + 3  # suspects of the training and validation images, and test images
    assert f"{CLASSES[0]} or {CLASSES[-1]}?" in cards.first.inner_text()
    page.locator("#checks select").nth(0).select_option(f"it is {CLASSES[1]}")
    page.locator("#checks select").nth(1).select_option(f"{CLASSES[-1]} is right")
    page.locator("#checks select").nth(2).select_option("leave out")
    assert page.locator("#decided").inner_text() == "3 decided"
    path = tmp_path / "labels.csv"
    path.write_text("file,digest,part,label,note\n" + lines.input_value())
    found = [decision for group in read_decisions(path).by_picture.values() for decision in group]
    assert [(decision.picture, decision.part, decision.label) for decision in found] == [
        ("ab" * 16, "", CLASSES[1]),
        ("cd" * 16, "", CLASSES[-1]),
        (found[2].picture, "test", "-"),
    ]
    assert asks_before_leaving()
    page.click("#copy")
    page.locator("#decided", has_text="3 copied").wait_for()  # the clipboard may take a moment
    assert page.evaluate("getSelection().toString()") == lines.input_value()
    assert not asks_before_leaving()
    page.locator("#checks select").nth(0).select_option("undecided")
    assert page.locator("#decided").inner_text() == "2 decided"
    assert "ab" * 16 not in lines.input_value()


def test_a_page_without_errors(show: Callable[..., Page]) -> None:
    page = show(page_text(0))
    assert "No errors: every test image was classified correctly." in page.inner_text("main")
    assert page.locator("#gallery").count() == 0


@pytest.mark.parametrize("classes", [2, 100])
def test_a_page_of_nine_thousand_errors_is_responsive(show: Callable[..., Page], classes: int) -> None:
    text = page_text(9000, [f"class {number}" for number in range(classes)])
    start = time.monotonic()
    page = show(text)
    assert page.locator("#gallery li").count() == 50
    page.click("#more")
    assert page.locator("#gallery li").count() == 100
    assert time.monotonic() - start < 10


def test_a_comparison_shows_the_fixed_and_broken_images(show: Callable[..., Page]) -> None:
    def make_side(name: str, wrong: list[int]) -> tuple[Result, np.ndarray]:
        errors = {index: Error(index, "<b>4</b>", "9", 0.75, 2.0, "") for index in wrong}
        images = np.array(wrong, np.uint8)[:, None, None, None] * np.ones((1, 1, 5, 5), np.uint8)
        test_set = "digest,label\n" + "".join(f"{index},<b>4</b>\n" for index in range(100))
        return Result(name, {}, [], {"test.images": 100.0}, errors, test_set.encode(), {}, "", ""), images

    (base, base_images), (other, other_images) = make_side("main", [3, 5, 7]), make_side("<i>mine</i>", [5, 90])
    page = show(comparison_page(compare(base, other, 0.05), base_images, other_images))
    assert page.locator("h1").inner_text() == "<i>mine</i> against main: no evidence either way"
    assert [page.locator(f"#{kind} li").count() for kind in ("fixed", "broken")] == [2, 1]
    assert "image 90" in page.locator("#broken").inner_text()
