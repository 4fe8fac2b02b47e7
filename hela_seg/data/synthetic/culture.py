"""The life of synthetic HeLa cells: they crawl, round up, divide, spread again and push each other.

Nothing here knows about light: :mod:`hela_seg.data.synthetic.render` draws what lives here. Rows and columns
of the field are (2,) float64 arrays in pixels, directions are radians from the columns' axis towards the
rows'.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Floats = npt.NDArray[np.float64]

Range = tuple[float, float]
"""Lowest and highest of a quantity that is drawn evenly."""

_TURN = 2.0 * np.pi


@dataclass(frozen=True)
class Culture:
    """How the cells live and how the microscope sees them.

    Lengths are pixels, times frames, light is grey levels of the green channel. Sizes and levels were read
    off the paper's two figures, scaled to 512x512. Only the crawling phase is far from life: 75 minutes in
    place of most of a day, or no short recording would show a division.
    """

    density: float = 50e-6
    """Cells a square pixel in the middle of a recording; the culture doubles once a lifespan."""
    round_radius: Range = (14.5, 19.5)
    """Just before division; a newborn daughter has half the volume."""
    spread_radius: Range = (17.0, 32.0)
    """Of the disc with a spread cell's area."""
    newborn: float = 7.5
    """Time that a daughter stays round."""
    crawling: float = 15.0
    """Time spent spread."""
    mitosis: float = 7.5
    """Time that a mother is round before she divides."""
    turning: float = 3.0
    """Time that rounding up takes, and spreading too."""
    speed: float = 1.6
    """A spread cell's way in one frame; a round one moves an eighth of it."""
    round_level: float = 66.0
    """Light of a round cell's cytoplasm."""
    spread_level: float = 27.0
    """Light of a spread cell's cytoplasm."""
    variety: float = 0.32
    """Standard deviation of the logarithm of the cells' brightness."""
    blur: Range = (1.1, 2.3)
    """Standard deviation of the defocus of a cell on the glass."""
    floating_blur: Range = (6.0, 11.0)
    """The same for cells that float above it: they are background."""
    floating_share: float = 0.15
    """Floating cells for each one on the glass."""
    haze: float = 0.2
    """Share of the light that returns as a broad glow."""
    black: float = 9.0
    """Level of the camera in the dark."""
    stray: float = 6.0
    """Light of the empty field, which shows how unevenly the lamp shines."""
    photons: float = 7.0
    """Photons a grey level, which sets the shot noise."""

    @property
    def lifespan(self) -> float:
        """Frames from birth to division."""
        return self.newborn + self.crawling + self.mitosis + 2.0 * self.turning


@dataclass
class Cell:
    """One cell at one moment, and what makes it itself."""

    centre: Floats
    """(2,) row, column."""
    heading: float
    """Where it crawls, and the axis of its division."""
    lifespan: float
    """Frames from birth to division; endless for a cell that floats."""
    round_radius: float
    """Before division."""
    spread_radius: float
    """When fully spread."""
    brightness: float
    """Relative to others, 1 on the average."""
    blur: float
    """Standard deviation of its defocus."""
    room: float
    """Share of its radius that others keep out of."""
    nucleus: float
    """How clearly the nucleus shows, 0 to 1."""
    waves: Floats
    """(4, 2) height and direction of the outline's harmonics 2 to 5."""
    arms: Floats
    """(3, 2) height and direction of its protrusions."""
    granules: Floats
    """(G, 3) depth, 0 at the centre and 1 at the edge, direction and brightness."""
    texture: Floats
    """(S, S) of mean about 1: unevenness of the cytoplasm over the square around the cell."""
    age: float = 0.0
    """Frames since birth."""
    spreading: float = 0.0
    """From 0, round, to 1, spread."""
    radius: float = 0.0
    """Of the disc with its area."""
    level: float = 0.0
    """Grey levels of its cytoplasm."""
    number: int = 0
    """Which cell of the culture it is, from 1; daughters have numbers of their own."""
    mother: int = 0
    """The number of the cell that it was born of; 0 for one that was there in the beginning."""

    @property
    def floats(self) -> bool:
        """Whether it is above the glass, far out of focus."""
        return math.isinf(self.lifespan)

    @property
    def cleavage(self) -> float:
        """How far division has stretched it: 0 until two frames before, then up to 1."""
        return 0.0 if self.floats else ease((self.age - self.lifespan + 2.0) / 2.0)


def ease(share: float) -> float:
    """Go from 0 to 1 with a soft start and a soft end: ``ease(0.5) == 0.5``, ``ease(-1) == 0``."""
    share = min(1.0, max(0.0, share))
    return share * share * (3.0 - 2.0 * share)


def live(
    frames: int, height: int, width: int, culture: Culture, rng: np.random.Generator
) -> Iterator[list[Cell]]:
    """Let a culture live on a field larger than the frame, so that cells leave it and enter it.

    Args:
        frames: T, how many moments to show.
        height: H of the frame.
        width: W of the frame.
        culture: how the cells live.
        rng: where every chance comes from.

    Yields:
        The cells in and around the frame at T moments. Centres count from the frame's first pixel and lie
        outside it for cells that cannot be seen, or only in part.
    """
    margin = 2.0 * culture.spread_radius[1]
    field = np.array([height, width]) + 2.0 * margin
    cells = _settle(frames, field, culture, rng)
    numbers = itertools.count(1)
    for _ in range(frames):
        for cell in cells:
            cell.number = cell.number or next(numbers)
        yield [replace(cell, centre=cell.centre - margin) for cell in cells]
        cells = [after for cell in cells for after in _step(cell, culture, rng)]
        _push_apart([cell for cell in cells if not cell.floats])
        cells = [cell for cell in cells if np.all((cell.centre > 0.0) & (cell.centre < field))]


def _settle(frames: int, field: Floats, culture: Culture, rng: np.random.Generator) -> list[Cell]:
    doublings = frames / 2.0 / culture.lifespan  # until the middle of the recording
    on_glass = round(culture.density * float(np.prod(field)) / 2.0**doublings)
    cells = []
    for row, column, share in _even_points(on_glass, rng):
        cell = _be_born(np.array([row, column]) * field, culture, rng)
        # The ages in a culture that doubles once a lifespan: two newborns for each mother about to divide.
        cell.age = -cell.lifespan * math.log2(1.0 - share / 2.0)
        cells.append(_grow(cell, culture))
    floating = rng.binomial(on_glass, culture.floating_share)
    return cells + [_float(rng.random(2) * field, culture, rng) for _ in range(floating)]


def _even_points(count: int, rng: np.random.Generator) -> Floats:
    """Points (count, 3) spread over the unit cube, so that even a small field has cells of every age.

    The R3 sequence of M. Roberts (2018), shifted by chance and shaken a little.
    """
    generalised_golden_ratio = 1.2207440846057596  # the root of x^4 = x + 1
    steps = generalised_golden_ratio ** -np.arange(1.0, 4.0)
    points = rng.random(3) + np.arange(count)[:, None] * steps + rng.normal(0.0, 0.04, (count, 3))
    return np.asarray(points % 1.0)


def _be_born(centre: Floats, culture: Culture, rng: np.random.Generator) -> Cell:
    wildness = rng.uniform(0.2, 1.0)  # a tame cell spreads little and with a plain outline
    smallest, largest = culture.spread_radius
    cell = Cell(
        centre=centre,
        heading=rng.uniform(0.0, _TURN),
        lifespan=culture.lifespan * rng.uniform(0.85, 1.15),
        round_radius=rng.uniform(*culture.round_radius),
        spread_radius=smallest + (largest - smallest) * wildness * rng.uniform(0.2, 1.0),
        brightness=rng.lognormal(0.0, culture.variety),
        blur=rng.uniform(*culture.blur),
        room=rng.uniform(0.85, 1.2),
        nucleus=rng.uniform(0.2, 1.0),
        waves=np.column_stack(
            [wildness * rng.uniform([0.1, 0.05, 0.0, 0.0], [0.4, 0.2, 0.1, 0.06]), rng.uniform(0.0, _TURN, 4)]
        ),
        arms=np.column_stack([wildness * rng.uniform(0.0, 0.7, 3), rng.uniform(0.0, _TURN, 3)]),
        granules=_granules(rng),
        texture=_texture(rng),
    )
    return _grow(cell, culture)


def _float(centre: Floats, culture: Culture, rng: np.random.Generator) -> Cell:
    cell = _be_born(centre, culture, rng)
    dimmed = 0.35 * cell.brightness
    return _grow(
        replace(cell, lifespan=math.inf, brightness=dimmed, blur=rng.uniform(*culture.floating_blur)), culture
    )


def _granules(rng: np.random.Generator) -> Floats:
    """Granules that crowd around one side of the nucleus, more or less."""
    count = rng.integers(6, 40)
    side, scatter = rng.uniform(0.0, _TURN), rng.uniform(0.9, 3.0)
    glitter = rng.normal(-0.6, 0.55)
    return np.column_stack(
        [rng.beta(3.0, 1.5, count), rng.normal(side, scatter, count), rng.lognormal(glitter, 0.7, count)]
    )


def _texture(rng: np.random.Generator) -> Floats:
    noise = ndimage.gaussian_filter(rng.normal(size=(24, 24)), 1.4)
    return np.asarray(np.exp(0.24 * noise / noise.std()))


def _step(cell: Cell, culture: Culture, rng: np.random.Generator) -> list[Cell]:
    """Let one frame pass: what is left is the cell itself, or its two daughters."""
    cell.age += 1.0
    if cell.age >= cell.lifespan:
        return _divide(cell, culture, rng)
    pace = culture.speed * (0.125 + 0.875 * cell.spreading) * rng.uniform(0.4, 1.6)
    cell.heading += rng.normal(0.0, 0.35)
    cell.centre = cell.centre + pace * _towards(cell.heading)
    cell.waves = cell.waves + rng.normal(0.0, [0.0, 0.06], cell.waves.shape)
    cell.arms = np.abs(cell.arms + rng.normal(0.0, [0.03, 0.04], cell.arms.shape))
    cell.granules = cell.granules + rng.normal(0.0, [0.012, 0.04, 0.0], cell.granules.shape)
    return [_grow(cell, culture)]


def _towards(direction: float) -> Floats:
    return np.array([math.sin(direction), math.cos(direction)])


def _grow(cell: Cell, culture: Culture) -> Cell:
    """Set what follows from a cell's age: how far it has spread, its radius and its light."""
    since_newborn = (cell.age - culture.newborn) / culture.turning
    until_mitosis = (cell.lifespan - culture.mitosis - cell.age) / culture.turning
    cell.spreading = ease(min(since_newborn, until_mitosis))
    grown = 0.0 if cell.floats else min(1.0, cell.age / cell.lifespan)
    round_radius = cell.round_radius * (0.5 + 0.5 * grown) ** (1.0 / 3.0)  # a volume that doubles evenly
    cell.radius = _between(round_radius, cell.spread_radius, cell.spreading)
    cell.level = cell.brightness * _between(culture.round_level, culture.spread_level, cell.spreading)
    return cell


def _between(start: float, end: float, share: float) -> float:
    return start + share * (end - start)


def _divide(mother: Cell, culture: Culture, rng: np.random.Generator) -> list[Cell]:
    daughters = []
    for heading in (mother.heading, mother.heading + np.pi):
        daughter = _be_born(mother.centre, culture, rng)
        daughter.heading, daughter.round_radius = heading, mother.round_radius
        daughter.brightness, daughter.blur = mother.brightness * rng.uniform(0.9, 1.1), mother.blur
        daughter = _grow(daughter, culture)
        daughter.mother = mother.number
        daughter.centre = mother.centre + 0.88 * daughter.radius * _towards(heading)
        daughters.append(daughter)
    return daughters


def _push_apart(cells: list[Cell]) -> None:
    """Move cells that crowd each other a step apart; they may go on touching."""
    for one, other in itertools.combinations(cells, 2):
        way = one.centre - other.centre
        distance = max(math.hypot(*way), 1e-6)
        crowding = one.room * one.radius + other.room * other.radius - distance
        if crowding > 0.0:
            push = 0.2 * crowding * way / distance
            one.centre, other.centre = one.centre + push, other.centre - push
