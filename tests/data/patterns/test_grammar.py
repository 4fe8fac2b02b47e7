"""What a pattern matches, and what its wildcards then stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hela_seg.data.patterns.grammar import Pattern, is_pattern, patterns_of
from hela_seg.system.errors import InputError


@pytest.mark.parametrize(
    ("pattern", "path", "texts"),
    [
        ("{series}/phase_{t}.tif", "A 1/phase_007.tif", {"series": "A 1", "t": 7}),
        ("{series}/phase_{t}.tif", "A/b/phase_007.tif", None),
        ("{series}/phase_{t}.tif", "A/phase_x.tif", None),
        ("{name}.tif", "a.TIF", {"name": "a"}),
        ("{name}.tif", "a.tiff", None),
        ("{name}", "b.ome.tiff", {"name": "b"}),
        ("{name}", "notes.txt", None),
        ("{name}_mask", "a_mask.png", {"name": "a"}),
        ("{well}{t}.png", "B0312.png", {"well": "B", "t": 312}),
        ("{group}_{row}_{col}.png", "a_b_1_22.png", {"group": "a_b", "row": "1", "col": "22"}),
        ("{id}/images/{id}.png", "x/images/x.png", {"id": "x"}),
        ("{id}/images/{id}.png", "x/images/y.png", None),
        ("{id}/masks/*.png", "x/masks/17.png", {"id": "x"}),
        ("**/{name}.png", "a.png", {"folders": "", "name": "a"}),
        ("**/{name}.png", "a/b/c.png", {"folders": "a/b/", "name": "c"}),
        ("{s}/**/img.png", "a/b/c/img.png", {"s": "a", "folders": "b/c/"}),
        ("dots.and+signs(1)_{t}.png", "dots.and+signs(1)_2.png", {"t": 2}),
        ("dots.and+signs(1)_{t}.png", "dotsXand+signs(1)_2.png", None),
    ],
)
def test_a_path_gives_what_the_wildcards_stand_for(
    pattern: str, path: str, texts: dict[str, object] | None
) -> None:
    assert Pattern(pattern, "data.images").texts(path) == texts


def test_leading_folders_without_wildcards_stand_apart() -> None:
    pattern = Pattern("/data/2026/{series}/t{t}.tif", "data.images")
    assert pattern.folders == "/data/2026"
    assert pattern.texts("A/t3.tif") == {"series": "A", "t": 3}
    assert Pattern("sets/train.npz/X", "data.images").array == "X"


@pytest.mark.parametrize(
    "text",
    [
        "{a}{b}.tif",
        "{t}{c}.tif",
        "{name.tif",
        "a}.tif",
        "{}.tif",
        "a**/b.tif",
        "{name}*.tif",
        "{series/t{t}.tif",
    ],
)
def test_patterns_that_could_mean_several_things_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"data\.images has the part .* expected wildcards"):
        Pattern(text, "data.images")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("images", False),
        ("a.tif", False),
        ("{name}.tif", True),
        ("*.tif", True),
        (["a.tif"], True),
        ({}, True),
    ],
)
def test_names_of_folders_are_no_patterns(given: object, expected: bool) -> None:
    assert is_pattern(given) == expected


def test_lists_and_mappings_name_their_patterns() -> None:
    assert list(patterns_of(["{n}_a.tif", "{n}_b.tif"], "data.images")) == ["0", "1"]
    assert list(patterns_of({"phase": "{n}_a.tif"}, "data.images")) == ["phase"]
    with pytest.raises(InputError, match="is empty"):
        patterns_of([], "data.images")


words = st.text("abcXYZ019 .-", min_size=1, max_size=6)


@given(words, words, st.integers(0, 10**6))
def test_texts_put_into_a_pattern_come_out_again(series: str, name: str, t: int) -> None:
    texts = Pattern("{series}/{name}_{t}.tif", "data.images").texts(f"{series}/{name}_{t:04}.tif")
    assert texts == {"series": series, "name": name, "t": t}
