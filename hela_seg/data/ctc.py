"""The Cell Tracking Challenge's layout of images and masks."""

from __future__ import annotations

import re
from pathlib import Path

from hela_seg.data.layouts import FileRules, Recording, sequence_of
from hela_seg.data.stacks import ImageFile, find_files, name_of, numbered_sequence
from hela_seg.system.errors import InputError, join_names


def ctc(
    root: Path, masks: str = "GT", axes: str | None = None, *, rules: FileRules | None = None
) -> list[Recording]:
    """The Cell Tracking Challenge's layout: ``01/t000.tif`` with ``01_GT/SEG/man_seg000.tif``, 02 and so on.

    Each sequence is one recording, named as its folder. Few of its frames have a mask, and the others are
    left aside: frames of the recording are the annotated ones, in order of time.

    Args:
        root: the folder with 01, 02 and so on, and with the masks of each.
        masks: ``GT``, drawn by people, ``ST``, the challenge's computed ones (``01_ST/SEG``), or ``RES``,
            what a program found (``01_RES/mask000.tif``).
        axes: order of the axes in files that do not state it.
        rules: what the files may be like; masks may be sparse in any case.

    Raises:
        InputError: no sequence, one without such masks, a mask without its image or named otherwise (as those
            of single planes of a 3D data set are), a gap in the numbers of the images, or unlike sizes.
    """
    folders = ctc_folders(root, masks)
    numbered = {name: (paired_by_number(*pair), find_files(pair[0])) for name, pair in folders.items()}
    return [
        sequence_of(
            [(ImageFile(image), ImageFile(mask)) for image, mask in pairs],
            axes,
            rules or FileRules(),
            name,
            files,
        )
        for name, (pairs, files) in numbered.items()
    ]


def ctc_folders(root: Path, masks: str = "GT") -> dict[str, tuple[Path, Path]]:
    """The folders with the images and with the masks of each sequence, see `ctc`.

    Raises:
        InputError: no sequence, or no such masks.
    """
    if masks not in ("GT", "ST", "RES"):
        raise InputError(f"data.masks is '{masks}', expected GT, ST or RES with data.layout=ctc")
    sequences = sorted(path for path in _entries(root) if path.is_dir() and path.name.isdecimal())
    if not sequences:
        raise InputError(
            f"{root} holds no sequence of the Cell Tracking Challenge, expected folders 01, 02 and so on: "
            "set data.root"
        )
    below = "" if masks == "RES" else "SEG"
    return {folder.name: (folder, root / f"{folder.name}_{masks}" / below) for folder in sequences}


def _entries(root: Path) -> list[Path]:
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with 01, 01_GT and so on: set data.root")
    return list(root.iterdir())


def paired_by_number(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """The annotated frames of one sequence of the Cell Tracking Challenge and their masks, in order of time.

    Raises:
        InputError: see `ctc`.
    """
    files = find_files(images)
    numbered_sequence(files)
    image_of = {_ctc_number(path, "t"): path for path in files}
    prefix = "mask" if masks.name.endswith("_RES") else "man_seg"
    mask_of = {_ctc_number(path, prefix): path for path in find_files(masks)}
    lone = [path.name for number, path in mask_of.items() if number not in image_of]
    if lone:
        raise InputError(
            f"{masks} holds {join_names(lone)}, expected masks of the frames in {images}: remove these, or "
            "add their frames"
        )
    return [(image_of[number], mask) for number, mask in sorted(mask_of.items())]


def _ctc_number(path: Path, prefix: str) -> int:
    match = re.fullmatch(rf"{prefix}([0-9]+)", name_of(path))
    if match is None:
        raise InputError(
            f"{path} is named as no frame of a 2D sequence, expected {prefix} and a number such as "
            f"{prefix}000.tif: move it away"
        )
    return int(match[1])
