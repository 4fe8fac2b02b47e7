"""How images and masks lie on disk: which file belongs to which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hela_seg.data.splits import Part
from hela_seg.data.stacks import FrameSequence, Series, find_files, name_of, open_series
from hela_seg.errors import InputError

LISTED = 10
"""At most so many files are named in one message."""

DRYAD_FOLDERS: dict[Part, str] = {"train": "train", "validation": "validate", "test": "test"}
"""The paper's name of each part, as in ``X_train/train`` and ``y_train/train``."""


@dataclass(frozen=True)
class Recording:
    """A series of images with its masks.

    Attributes:
        image: (T, C, H, W).
        mask: (T, 1, H, W), as found in the file.
        part: where the layout on disk itself says what the recording is for.
    """

    image: Series
    mask: Series
    part: Part | None = None

    def __post_init__(self) -> None:
        frames, _, *size = self.image.shape
        mask_frames, _, *mask_size = self.mask.shape
        if (frames, size) != (mask_frames, mask_size):
            raise InputError(
                f"{self.mask.path} has {mask_frames} frame(s) of {_size(mask_size)}, expected {frames} of "
                f"{_size(size)} as its image {self.image.path.name} has: save the mask at the image's size"
            )

    @property
    def name(self) -> str:
        """The image file's name without its ending, after its part where the layout states one."""
        return self.image.name if self.part is None else f"{self.part}/{self.image.name}"


def paired_by_stem(
    root: Path, images: str, masks: str, axes: str | None = None, *, sequence: bool = False
) -> list[Recording]:
    """Images and masks that share a file name up to its ending: ``images/a.tif`` and ``masks/a.png``.

    Args:
        root: the folder that both lie in.
        images: folder with images below root, or one file.
        masks: folder with masks below root, or one file.
        axes: order of the axes in files that do not state it.
        sequence: the files are the frames of one series, in the order of their names, numbers by value.

    Raises:
        InputError: a missing folder, an image without mask, a mask without image, or a pair of unlike sizes.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with {images} and {masks}: set data.root")
    if (root / images).is_file() and (root / masks).is_file():
        pairs = [(root / images, root / masks)]
    else:
        pairs = _pairs_by_name(root / images, root / masks)
    opened = [_opened(pair, axes) for pair in pairs]
    if sequence:
        name = root.absolute().name
        whole_image, whole_mask = (FrameSequence(series, name) for series in zip(*opened, strict=True))
        return [Recording(whole_image, whole_mask)]
    return [Recording(image, mask) for image, mask in opened]


def dryad(root: Path, axes: str | None = None) -> list[Recording]:
    """The paper's layout: ``X_train/train/*.tiff`` with ``y_train/train/*.png``, and validate and test alike.

    Images and masks pair up in sorted order, one frame a file, as in the paper's notebook; by name, where any
    image has a mask of its own name.

    Raises:
        InputError: a missing folder, another number of masks than of images, or a pair of unlike sizes.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with X_train, y_train and so on: set data.root")
    recordings = []
    for part, folder in DRYAD_FOLDERS.items():
        pairs = _pairs_in_order(root / f"X_{folder}" / folder, root / f"y_{folder}" / folder)
        recordings += [Recording(*_opened(pair, axes), part) for pair in pairs]
    return recordings


def _pairs_by_name(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    image_of, mask_of = _by_name(images), _by_name(masks)
    lone = {
        "mask": [path.name for name, path in image_of.items() if name not in mask_of],
        "image": [path.name for name, path in mask_of.items() if name not in image_of],
    }
    if any(lone.values()):
        missing = "; ".join(f"no {other} for {_listed(names)}" for other, names in lone.items() if names)
        raise InputError(
            f"{images} and {masks} do not pair up, expected an image and a mask of each name up to the "
            f"ending: {missing}"
        )
    return [(image_of[name], mask_of[name]) for name in image_of]


def _pairs_in_order(images: Path, masks: Path) -> list[tuple[Path, Path]]:
    """Pairs by order, unless some names are the same: then files missing on both sides would go unseen."""
    image_files, mask_files = find_files(images), find_files(masks)
    if {name_of(path) for path in image_files} & {name_of(path) for path in mask_files}:
        return _pairs_by_name(images, masks)
    if len(image_files) != len(mask_files):
        raise InputError(
            f"{images} holds {len(image_files)} images and {masks} {len(mask_files)} masks, expected as many "
            "of both: add what is missing"
        )
    return list(zip(image_files, mask_files, strict=True))


def _by_name(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in find_files(folder):
        former = files.setdefault(name_of(path), path)
        if former is not path:
            raise InputError(
                f"{folder} holds {former.name} and {path.name}, expected one file of each name up to the "
                "ending: move one away"
            )
    return files


def _opened(pair: tuple[Path, Path], axes: str | None) -> tuple[Series, Series]:
    image, mask = pair
    return open_series(image, axes), open_series(mask, axes, labels=True)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
