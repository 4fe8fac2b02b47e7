import functools
import itertools

import numpy as np
import pytest

from hela_seg.data.synthetic.culture import Cell, Culture, ease, live


@functools.cache
def sparse_moments() -> list[list[Cell]]:
    """A culture whose cells seldom meet; ``room`` is drawn once for each cell, so it tells who is who."""
    culture = Culture(density=4e-6, floating_share=0.0)
    return list(live(60, 1500, 1500, culture, np.random.default_rng(0)))


def whole_lives() -> list[list[Cell]]:
    """Those cells that were seen from birth to division, one moment after another."""
    by_cell: dict[float, list[Cell]] = {}
    for cell in itertools.chain(*sparse_moments()):
        by_cell.setdefault(cell.room, []).append(cell)
    return [
        life for life in by_cell.values() if life[0].age == 0.0 and life[-1].age + 1.0 >= life[-1].lifespan
    ]


def divisions() -> list[tuple[Cell, Cell, Cell]]:
    """A mother's last moment and her daughters' first."""
    found = []
    for before, after in itertools.pairwise(sparse_moments()):
        newborn = [cell for cell in after if cell.age == 0.0]
        mothers = [cell for cell in before if cell.age + 1.0 >= cell.lifespan]
        found += [(mother, *newborn[2 * i : 2 * i + 2]) for i, mother in enumerate(mothers)]
    return found


def test_the_sparse_culture_shows_lives_and_divisions_to_test():
    assert len(whole_lives()) >= 3
    assert len(divisions()) >= 3


def test_ease_is_soft_at_both_ends_and_half_way_in_the_middle():
    assert [ease(share) for share in (-1.0, 0.0, 0.25, 0.5, 1.0, 2.0)] == [0.0, 0.0, 0.15625, 0.5, 1.0, 1.0]


def test_lifespan_is_the_sum_of_its_phases():
    assert Culture(newborn=1.0, crawling=2.0, mitosis=4.0, turning=8.0).lifespan == 23.0


@pytest.mark.parametrize("life", whole_lives())
def test_a_cell_is_round_then_spread_then_round(life):
    spreading = np.array([cell.spreading for cell in life])
    (spread,) = np.nonzero(spreading == 1.0)
    assert spreading[0] == spreading[-1] == 0.0
    assert (np.diff(spreading[: spread[0] + 1]) >= 0.0).all()
    assert (np.diff(spreading[spread[-1] :]) <= 0.0).all()
    assert (np.diff(spread) == 1).all()
    assert len(life) == pytest.approx(Culture().lifespan, rel=0.2)


@pytest.mark.parametrize("life", whole_lives())
def test_a_round_cell_is_brighter_than_when_spread_and_grows_to_twice_its_volume(life):
    spread = [cell.level for cell in life if cell.spreading == 1.0]
    assert max(spread) < life[0].level
    assert (life[-1].radius / life[0].radius) ** 3 == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(("mother", "one", "other"), divisions())
def test_a_mother_leaves_two_round_daughters_side_by_side_where_she_was(mother, one, other):
    assert mother.spreading == one.spreading == other.spreading == 0.0
    assert np.hypot(*(one.centre + other.centre - 2.0 * mother.centre)) < 0.1 * mother.radius
    distance = np.hypot(*(one.centre - other.centre)) / (one.radius + other.radius)
    assert 0.8 < distance < 1.0
    assert one.radius**3 + other.radius**3 == pytest.approx(mother.radius**3, rel=0.05)


@pytest.mark.parametrize("life", whole_lives())
def test_a_mother_is_stretched_just_before_division_only(life):
    assert life[-1].cleavage > 0.0
    assert all(cell.cleavage == 0.0 for cell in life if cell.age <= cell.lifespan - 2.0)


def test_floating_cells_neither_age_into_division_nor_count_as_attached():
    culture = Culture(floating_share=1.0)
    first, *_, last = live(60, 300, 300, culture, np.random.default_rng(1))
    floating = [cell for cell in first if cell.floats]
    assert floating
    assert sum(cell.floats for cell in last) <= len(floating)
    assert all(cell.blur > culture.blur[1] for cell in floating)


def test_a_culture_doubles_once_a_lifespan_and_has_its_density_in_the_middle():
    # Without crawling none leave the field, whose margin is twice the largest radius on every side.
    culture = Culture(speed=0.0, floating_share=0.0)
    side = 512 + 4.0 * culture.spread_radius[1]
    frames = round(culture.lifespan)
    counts = [len(cells) for cells in live(frames + 1, 512, 512, culture, np.random.default_rng(4))]
    assert counts[-1] / counts[0] == pytest.approx(2.0, rel=0.15)
    assert counts[frames // 2] == pytest.approx(culture.density * side**2, rel=0.15)


def test_cells_leave_the_frame_and_enter_it():
    def outside(cell: Cell) -> bool:
        return bool(np.any((cell.centre < 0) | (cell.centre >= 256)))

    moves = []
    for seed in range(8):
        first, *_, last = live(12, 256, 256, Culture(), np.random.default_rng(seed))
        before = {cell.room: outside(cell) for cell in first}
        moves += [(before[cell.room], outside(cell)) for cell in last if cell.room in before]
    assert (False, True) in moves
    assert (True, False) in moves


def test_cells_at_one_place_are_pushed_apart():
    crowded = Culture(density=8e-4, floating_share=0.0)
    first, *_, last = live(6, 60, 60, crowded, np.random.default_rng(0))

    def nearest(cells: list[Cell]) -> float:
        places = np.array([cell.centre for cell in cells])
        distances = np.hypot(*(places[:, None] - places).T) + 1e9 * np.eye(len(cells))
        return float(np.mean(distances.min(axis=0)))

    assert nearest(last) > nearest(first)
