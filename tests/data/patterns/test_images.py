"""Channels, planes and frames of images in files of their own."""

from __future__ import annotations

from pathlib import Path

from empty_files import files, found, refusal, touch

from hela_seg.data.patterns.matching import match


def test_channels_and_planes_lie_in_files_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path, [f"{n}_{c}.tif" for n in "ab" for c in ("phase", "nuclei")] + ["a.png", "b.png"])
    first, _ = found(tmp_path, ["{name}_phase.tif", "{name}_nuclei.tif"], "{name}.png")
    assert files(tmp_path, first)[0] == [[["a_phase.tif"], ["a_nuclei.tif"]]]
    touch(tmp_path, [f"stacks/x_z{z}c{c}.tif" for z in (9, 10) for c in (1, 2)] + ["stacks/x.png"])
    (planes,) = found(tmp_path, "stacks/{name}_z{z}c{c}.tif", "stacks/{name}.png")
    assert files(tmp_path, planes)[0] == [[[f"stacks/x_z{z}c{c}.tif" for z in (9, 10)] for c in (1, 2)]]


def test_missing_channels_classes_and_frames_are_named(tmp_path: Path) -> None:
    touch(tmp_path, ["a_1.tif", "a_2.tif", "b_1.tif", "c_1.tif", "c_2.tif", "a.png", "b.png", "c.png"])
    message = refusal(tmp_path, ["{name}_1.tif", "{name}_2.tif"], "{name}.png")
    assert "1 frame(s) lack a channel or plane" in message
    assert "b_1.tif" in message
    classes = touch(tmp_path / "k", ["a.tif", "a_r.png", "a_s.png", "b.tif", "b_r.png"])
    assert "b_r.png has no counterpart for s" in refusal(
        classes, "{n}.tif", {"r": "{n}_r.png", "s": "{n}_s.png"}
    )
    frames = touch(tmp_path / "f", [f"t{t}.{end}" for t in (0, 1, 3) for end in ("tif", "png")])
    (fault,) = match(frames, "t{t}.tif", "t{t}.png").faults
    assert "lacks frame 2 between t0.tif and t3.tif" in fault
    planes = touch(tmp_path / "z", ["a_z0c0.tif", "a_z1c0.tif", "a_z0c1.tif", "a.png"])
    assert "1 frame(s) lack a channel or plane" in refusal(planes, "{n}_z{z}c{c}.tif", "{n}.png")
