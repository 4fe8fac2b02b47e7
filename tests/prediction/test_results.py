"""Figures of all recordings say what made them."""

from __future__ import annotations

import json
from pathlib import Path

from jobs import done, film, job, levels
from PIL import Image


def test_figures_say_what_made_them(tmp_path: Path) -> None:
    net = levels(batch_size=1)
    task = job(tmp_path, net, film(2), label_next=1)
    done(task, net, tmp_path / "out")
    for name in ("film0.overlay.png", "label_next.png", "time_course.png"):
        with Image.open(tmp_path / "out" / name) as picture:
            said = json.loads(picture.info["Description"])
        assert task.provenance.items() <= said.items()
