"""What is refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hela_seg.system.errors import InputError


def refusal(function: Callable[..., object], *arguments: Any, **options: Any) -> str:
    """What a user is told of input that a call refuses: one line."""
    with pytest.raises(InputError) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)
