"""One HTML page that needs no other file and no network, for reports of runs and for comparisons."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.image import imsave

from hela_seg.report.pictures.blending import Picture as Pixels
from hela_seg.report.tables import Sheet
from hela_seg.system.files import whole_file
from hela_seg.system.version import __version__

JPEG_QUALITY = 85


@dataclass(frozen=True)
class Drawing:
    """A figure of lines: SVG, and a caption that says in words what it shows and is read out in its place."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class Picture:
    """A figure of pixels: a JPEG file, its width and height in pixels, and a caption below it.

    The text `alt` says what it shows, and stands above it when it is enlarged.
    """

    jpeg: bytes
    width: int
    height: int
    alt: str
    caption: str

    @classmethod
    def of(cls, pixels: Pixels, alt: str, caption: str) -> Picture:
        """Encode (H, W, 3) uint8 pixels; colour is kept at every pixel, for outlines are one pixel wide."""
        file = BytesIO()
        imsave(file, pixels, format="jpeg", pil_kwargs={"quality": JPEG_QUALITY, "subsampling": 0})
        height, width, _ = pixels.shape
        return cls(file.getvalue(), width, height, alt, caption)

    @property
    def uri(self) -> str:
        """The file inside of an address, for the page's template."""
        return f"data:image/jpeg;base64,{b64encode(self.jpeg).decode()}"


@dataclass(frozen=True)
class Gallery:
    """Pictures beside each other, with a title and a caption; an enlarged one leads on to the others."""

    pictures: tuple[Picture, ...]
    title: str = ""
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page; what it has of the following stands in this order.

    Attributes:
        title: its heading.
        missing: why there is nothing to show, in one sentence.
        command: a line for the shell.
        legend: names and colours (``#rrggbb``) of what the figures show.
        drawings: figures of lines.
        galleries: figures of pixels.
        sheets: tables.
        notes: sentences below all.
        folded: whether it is closed at first.
    """

    title: str = ""
    missing: str = ""
    command: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    drawings: tuple[Drawing, ...] = ()
    galleries: tuple[Gallery, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    notes: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Page:
    """A page: title, warnings that nobody shall miss, facts by name, sections, and a verdict in sentences."""

    title: str
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    verdict: str = ""

    @property
    def html(self) -> str:
        """The whole page; names from files and settings can do nothing in it but stand there."""
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )
        return environment.get_template("page.html.j2").render(page=self, version=__version__)

    def write(self, path: Path) -> None:
        """Write the page as a file."""
        with whole_file(path) as part:
            part.write_text(self.html, encoding="utf-8")
