"""Which array in a folder of Zarr is the image, and what its metadata say of its axes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hela_seg.data.stacks.calibration import Calibration, calibration_of_axes
from hela_seg.data.stacks.discovery.positions import position_names
from hela_seg.system.errors import InputError

if TYPE_CHECKING:
    import zarr


class ZarrImage(NamedTuple):
    """An array, one letter an axis where the metadata state them, pixel size and frame interval."""

    array: zarr.Array[Any]
    axes: str | None
    calibration: Calibration


def positions(path: Path) -> dict[str, str]:
    """The images of a folder, by the name of each position: fields of the wells of a plate, or a series.

    Returns:
        The group of each image inside of the folder; one without a name where the folder is one image.

    Raises:
        InputError: a well or field outside of the folder.
    """
    import zarr

    node = zarr.open(str(path), mode="r", use_consolidated=False)
    if isinstance(node, zarr.Array):
        return {"": ""}
    if "plate" in _ome(node):
        return _fields(path, node)
    if _multiscales(node) is None and "bioformats2raw.layout" in _ome(node):
        groups = _series(node)
        scales = [_multiscales(_inside(path, node, name)) or [{}] for name in groups]
        names = position_names([str(scale[0].get("name") or "") for scale in scales])
        return dict(zip(names, groups, strict=True)) if len(groups) > 1 else {"": "".join(groups)}
    return {"": ""}


def _series(node: zarr.Group) -> list[str]:
    """The groups of bioformats2raw's images, as it lists them, for servers do not."""
    import zarr

    listed = node.get("OME")
    names = _ome(listed).get("series") if isinstance(listed, zarr.Group) else None
    return [str(name) for name in names or sorted((n for n, _ in node.groups() if n.isdecimal()), key=int)]


def _fields(path: Path, plate: zarr.Group) -> dict[str, str]:
    """The group of each field of a plate's wells: ``B3`` for the only field of ``B/3``, else ``B3_0``."""
    found: dict[str, str] = {}
    for well in _ome(plate)["plate"]["wells"]:
        group = _inside(path, plate, well["path"])
        fields = [str(field["path"]) for field in _ome(group)["well"]["images"]]
        name = str(well["path"]).replace("/", "")
        for field in fields:
            found[f"{name}_{field}" if len(fields) > 1 else name] = f"{well['path']}/{field}"
    names = position_names(list(found))
    return dict(zip(names, found.values(), strict=True))


def _inside(path: Path, group: Any, name: str) -> Any:
    """A member of a group, which is not to lie outside of its folder."""
    if {"", ".."} & set(re.split(r"[/\\]", name)):
        raise InputError(
            f"{path} names the array or group {name}, expected one inside of its folder: export it again"
        )
    return group[name]


def find_image(path: Path, inside: str = "", *, labels: bool = False) -> ZarrImage:
    """The image of a folder: its array, or the highest resolution of its OME-Zarr multiscales.

    Where labels are meant and the image has some in OME-Zarr's group ``labels``, it is these: ``classes``,
    which predictions write, or else the only ones.

    Axes come from the multiscales of OME-Zarr (0.1 and 0.2 always have the five t, c, z, y and x), from the
    dimension names of Zarr 3, or from xarray's ``_ARRAY_DIMENSIONS``.

    Args:
        path: the folder.
        inside: the group of the image, from `positions`.
        labels: whether labels are meant.

    Raises:
        InputError: no image, or several.
    """
    import zarr

    node = zarr.open(str(path), mode="r", use_consolidated=False)
    if inside:
        node = _inside(path, node, inside)
    if isinstance(node, zarr.Array):
        return ZarrImage(node, _named_dimensions(node), Calibration(None, None))
    if labels and "labels" in node:
        node = _labels_of(path, node)
    multiscales = _multiscales(node)
    if multiscales is not None:
        return _highest_resolution(path, node, multiscales)
    arrays = dict(node.arrays())
    array = _only(path, "arrays", list(arrays.values()), arrays)
    return ZarrImage(array, _named_dimensions(array), Calibration(None, None))


def _labels_of(path: Path, image: zarr.Group) -> zarr.Group:
    held: Any = image["labels"]
    stated = [str(name) for name in _ome(held).get("labels", ())] if hasattr(held, "groups") else []
    found = {name: group for name, group in held.groups() if name in stated} if stated else {}
    if not found:
        return image
    meant: zarr.Group = (
        found["classes"] if "classes" in found else _only(path, "label images", list(found.values()), found)
    )
    return meant


def _ome(group: zarr.Group) -> Mapping[str, Any]:
    """OME's attributes: below ``ome`` since 0.5, at the top before."""
    attributes: Mapping[str, Any] = group.attrs.asdict()
    inner: Mapping[str, Any] = attributes.get("ome", attributes)
    return inner


def _multiscales(group: zarr.Group) -> Sequence[Mapping[str, Any]] | None:
    return _ome(group).get("multiscales")


def _only(path: Path, what: str, found: Sequence[Any], names: Iterable[str]) -> Any:
    if len(found) != 1:
        listed = ", ".join(sorted(names)[:5]) or "none"
        raise InputError(
            f"{path} holds {len(found)} {what} ({listed}) and does not say which one is meant, expected one: "
            "move each to a folder of its own that ends in .zarr"
        )
    return found[0]


def _highest_resolution(path: Path, group: zarr.Group, multiscales: Sequence[Mapping[str, Any]]) -> ZarrImage:
    named = [str(multiscale.get("name", "")) for multiscale in multiscales]
    multiscale = _only(path, "multiscale images", multiscales, named)
    level = multiscale["datasets"][0]  # OME-Zarr demands them from highest to lowest
    array: Any = _inside(path, group, level["path"])
    stated: Sequence[Any] = multiscale.get("axes") or _implied_axes(path, array.ndim)
    axes = [{"name": axis} if isinstance(axis, str) else axis for axis in stated]  # words in 0.3
    if len(axes) != array.ndim:
        raise ValueError(f"its metadata name {len(axes)} axes of {array.ndim}")
    letters = "".join(_letter(axis["name"]) for axis in axes)
    steps = _steps(level, multiscale, len(axes))
    units = [str(axis.get("unit", "")) for axis in axes]
    calibration = calibration_of_axes(dict(zip(letters, zip(steps, units, strict=True), strict=True)))
    channels = _ome(group).get("omero", {}).get("channels", ())
    names = tuple(str(channel.get("label") or "") for channel in channels)
    return ZarrImage(array, letters, calibration._replace(channels=names))


def _implied_axes(path: Path, count: int) -> Sequence[str]:
    """Those of OME-Zarr 0.1 and 0.2, which do not name them, for all images have five."""
    if count != 5:
        raise InputError(
            f"{path} is OME-Zarr without names of axes, as of version 0.1 or 0.2, and has {count}, expected "
            "the five t, c, z, y and x: convert it to a later version"
        )
    return "tczyx"


def _steps(level: Mapping[str, Any], multiscale: Mapping[str, Any], count: int) -> list[float]:
    """Width of a step along each axis: the level's scale times that of all levels."""
    steps = [1.0] * count
    for holder in (level, multiscale):
        for transformation in holder.get("coordinateTransformations", ()):
            if transformation["type"] == "scale":
                scale = transformation["scale"]
                steps = [step * float(factor) for step, factor in zip(steps, scale, strict=True)]
    return steps


def _named_dimensions(array: zarr.Array[Any]) -> str | None:
    """Letters from the names of dimensions; None where there are none, or names of other things."""
    names: Any = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    if not names or len(names) != array.ndim:
        return None
    letters = "".join(_letter(name) for name in names)
    return None if "Q" in letters else letters


def _letter(name: object) -> str:
    """The axis letter of a name such as ``t`` or ``time``; Q for a name that is not known."""
    known = {"time": "T", "channel": "C"}
    letter = known.get(str(name).lower(), str(name).upper())
    return letter if letter in {"T", "C", "Z", "Y", "X"} else "Q"
