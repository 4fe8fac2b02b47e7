"""How images and masks lie on disk: which file belongs to which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hela_seg.data.splits import Part
from hela_seg.data.stacks import FrameSequence, Series, find_files, open_series
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
        sequence: the files are the frames of one series, in the order of their names.

    Raises:
        InputError: a missing folder, an image without mask, a mask without image, or a pair of unlike sizes.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with {images} and {masks}: set data.root")
    if (root / images).is_file() and (root / masks).is_file():
        pairs = [(root / images, root / masks)]
    else:
        pairs = _pairs(_by_stem(root / images), _by_stem(root / masks), root)
    opened = [(open_series(image, axes), open_series(mask, axes, labels=True)) for image, mask in pairs]
    if sequence:
        all_images, all_masks = zip(*opened, strict=True)
        return [Recording(FrameSequence(all_images, root.name), FrameSequence(all_masks, root.name))]
    return [Recording(image, mask) for image, mask in opened]


def dryad(root: Path, axes: str | None = None) -> list[Recording]:
    """The paper's layout: ``X_train/train/*.tiff`` with ``y_train/train/*.png``, the same for validate and test.

    Images and masks pair up in sorted order, one frame a file, as in the paper's notebook.

    Raises:
        InputError: a missing folder, another number of masks than of images, or a pair of unlike sizes.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder, expected one with X_train, y_train and so on: set data.root")
    recordings = []
    for part, folder in DRYAD_FOLDERS.items():
        images = find_files(root / f"X_{folder}" / folder)
        masks = find_files(root / f"y_{folder}" / folder)
        if len(images) != len(masks):
            raise InputError(
                f"{images[0].parent} has {len(images)} images but {masks[0].parent} {len(masks)} masks, expected as "
                f"many: {_unpaired(images, masks)}"
            )
        for image, mask in zip(images, masks, strict=True):
            recordings.append(Recording(open_series(image, axes), open_series(mask, axes, labels=True), part))
    return recordings


def _by_stem(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in find_files(folder):
        if path.stem in files:
            raise InputError(
                f"{folder} holds {files[path.stem].name} and {path.name}, expected one file a name: move one away"
            )
        files[path.stem] = path
    return files


def _pairs(images: dict[str, Path], masks: dict[str, Path], root: Path) -> list[tuple[Path, Path]]:
    if images.keys() != masks.keys():
        raise InputError(
            f"images and masks in {root} do not pair up, expected the same names up to the ending: "
            f"{_unpaired(list(images.values()), list(masks.values()))}"
        )
    return [(images[stem], masks[stem]) for stem in images]


def _unpaired(images: Sequence[Path], masks: Sequence[Path]) -> str:
    image_stems, mask_stems = {path.stem for path in images}, {path.stem for path in masks}
    lone_images = [path.name for path in images if path.stem not in mask_stems]
    lone_masks = [path.name for path in masks if path.stem not in image_stems]
    found = [
        f"no {other} for {_listed(names)}"
        for other, names in (("mask", lone_images), ("image", lone_masks))
        if names
    ]
    return "; ".join(found)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size))
