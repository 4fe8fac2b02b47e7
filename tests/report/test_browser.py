"""Reports in a real browser: nothing fails, every figure is there, tables sort, pictures enlarge.

These tests need playwright and a Chromium on the machine, such as Debian's package ``chromium``; without,
they skip.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fabricated import frame_counts, measure, write_run

from hela_seg.cli import main
from hela_seg.comparison.found import find_runs
from hela_seg.comparison.rows import compare_runs
from hela_seg.report.comparison.write import write_comparison
from hela_seg.runs import run_folder

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser is on this machine, none of {', '.join(NAMES)}")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of three nets, one with two seeds."""
    folder = tmp_path_factory.mktemp("comparison")
    for seed in (0, 1):
        write_run(folder / f"unet {seed}", frame_counts(seed, 0.8), seed=seed)
    write_run(folder / "resnet", frame_counts(2, 0.9), net="resnet34_unet")
    write_run(folder / "vgg", frame_counts(3, 0.7), net="vgg19_unet")
    measure(folder / "resnet", 0.9, 0.7)
    write_comparison(folder, compare_runs(find_runs([folder])[0]), [])
    return folder / "comparison.html"


@pytest.fixture(scope="module")
def labels(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of label images, which are the masks themselves."""
    folder = tmp_path_factory.mktemp("labels")
    truth = ["data=folder", f"data.root={cells}", "data.classes=[background,dim,bright]"]
    assert main("evaluate", [f"labels={cells / 'masks'}", *truth, f"hydra.run.dir={folder}"]) == 0
    return folder / run_folder.REPORT


@pytest.fixture(params=["run", "comparison", "labels"])
def path(request: pytest.FixtureRequest, run: Path, comparison: Path, labels: Path) -> Path:
    """The page of a run, that of a comparison, and that of label images."""
    return {"run": run / run_folder.REPORT, "comparison": comparison, "labels": labels}[request.param]


def opened(browser: Any, path: Path, **context: Any) -> Any:
    """A page whose complaints and requests are kept as ``complaints`` and ``requests``."""
    page = browser.new_context(**context).new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_fails_and_nothing_is_asked_for(browser: Any, path: Path, scheme: str) -> None:
    page = opened(browser, path, color_scheme=scheme)
    broken = "[...document.images].filter(i => i.closest('dialog') === null && !i.naturalWidth).length"
    assert page.evaluate(broken) == 0
    empty = (
        "[...document.querySelectorAll('.drawing svg')].filter(s => !s.getBoundingClientRect().height).length"
    )
    assert page.evaluate(empty) == 0
    assert page.locator(".drawing svg").count() > 0
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith("data:")] == [path.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_letters_stand_out_from_the_ground(browser: Any, path: Path, scheme: str) -> None:
    page = opened(browser, path, color_scheme=scheme)
    ground, texts = page.evaluate("""() => {
        const light = colour => colour.match(/[0-9.]+/g).slice(0, 3).map(Number).reduce((a, b) => a + b) / 3;
        const colour = element => {
            const style = getComputedStyle(element);
            return light(element instanceof SVGElement ? style.fill : style.color);
        };
        const texts = document.querySelectorAll("h1, td, dd, .drawing svg text");
        return [light(getComputedStyle(document.body).backgroundColor), [...texts].map(colour)];
    }""")
    assert (ground > 128) == (scheme == "light")
    assert len(texts) > 50
    assert min(abs(text - ground) for text in texts) > 60


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_is_as_wide_as_the_screen(browser: Any, path: Path, width: int) -> None:
    page = opened(browser, path, viewport={"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_click_on_a_heading_sorts_by_number_and_by_name(browser: Any, comparison: Path) -> None:
    page = opened(browser, comparison)
    table = page.locator("table").first
    first = lambda: table.locator("tbody tr td:first-child").all_inner_texts()  # noqa: E731
    assert first()[:3] == ["resnet34_unet", "unet", "vgg19_unet"]
    table.get_by_role("button", name="m-IoU").click()
    own = [name for name in first() if "published" not in name]
    assert own == ["vgg19_unet", "unet", "resnet34_unet"]
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "ascending"
    table.get_by_role("button", name="m-IoU").click()
    assert [name for name in first() if "published" not in name] == own[::-1]
    table.get_by_role("button", name="±").click()
    assert first()[0] == "unet"  # those without a number stay at the end
    table.get_by_role("button", name="Net").click()
    assert first() == sorted(first())


def test_a_click_on_a_picture_enlarges_it_and_keys_go_on(browser: Any, run: Path) -> None:
    page = opened(browser, run / run_folder.REPORT)
    dialog, shown = page.locator("dialog"), page.locator("dialog img")
    page.locator(".picture").first.click()
    assert dialog.is_visible()
    assert shown.evaluate("image => image.naturalWidth > 0")
    assert page.locator("dialog p").inner_text().endswith(": image")
    fitted = shown.bounding_box()["width"]
    shown.click()
    natural = shown.evaluate("image => image.naturalWidth")
    assert shown.bounding_box()["width"] == 4 * natural
    page.locator("dialog .stage").evaluate("stage => stage.scrollTo(70, 50)")
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog p").inner_text().endswith(": truth")
    assert page.locator("dialog .stage").evaluate("stage => [stage.scrollLeft, stage.scrollTop]") == [70, 50]
    shown.click()
    assert shown.bounding_box()["width"] == fitted
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.complaints == []


def test_print_is_dark_on_light_and_hides_nothing(browser: Any, run: Path) -> None:
    page = opened(browser, run / run_folder.REPORT, color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator("nav").is_visible()
    stays_with_what_follows = "element => getComputedStyle(element).breakAfter"
    assert page.locator(".legend").first.evaluate(stays_with_what_follows) == "avoid"
    assert len(page.pdf()) > 10_000
