"""Settings of prediction that mean nothing are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from hela_seg.inference import Tiling
from hela_seg.system.errors import InputError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tile": "large"}, r"inference\.tile is 'large', expected auto or rows and columns, such as"),
        ({"tile": 512}, r"inference\.tile is 512, expected auto or rows and columns, such as"),
        ({"tile": [512]}, r"inference\.tile is \[512\]"),
        ({"tile": [512, 0]}, r"inference\.tile is \[512, 0\]"),
        ({"tile": ["a", "b"]}, r"inference\.tile is \['a', 'b'\]"),
        ({"tile": [64.5, 64]}, r"inference\.tile is \[64\.5, 64\]"),
        ({"halo": 1.5}, r"inference\.halo is 1\.5, expected a whole number"),
        ({"batch_size": 1.5}, r"inference\.batch_size is 1\.5, expected auto or a whole number"),
        ({"blend": "linear"}, r"inference\.blend is 'linear', expected crop or gaussian"),
        ({"halo": -1}, r"inference\.halo is -1"),
        ({"overlap": 1.0}, r"inference\.overlap is 1\.0, expected a share from 0 to below 1"),
        ({"batch_size": 0}, r"inference\.batch_size is 0"),
        ({"batch_size": "many"}, r"inference\.batch_size is 'many'"),
        ({"tta": "spin"}, r"inference\.tta is 'spin', expected none, flips or dihedral"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Tiling(**settings)


def test_a_list_from_a_configuration_is_a_size() -> None:
    assert Tiling(tile=[256, 512]).tile == (256, 512)  # type: ignore[arg-type]
