"""Random pixels written as TIFF in many ways, for the tests of its reader."""

import numpy as np
import tifffile

SHAPES = {
    "YX": (37, 53),
    "TYX": (5, 37, 53),
    "CYX": (2, 37, 53),
    "TCYX": (3, 2, 37, 53),
    "YXS": (37, 53, 3),
    "TYXS": (3, 37, 53, 3),
    "TSYX": (2, 3, 37, 53),
}
COMPRESSIONS = ("none", "zlib", "lzw", "zstd", "jpeg")
CUTS = {"one strip": {}, "strips": {"rowsperstrip": 5}, "tiles": {"tile": (16, 32)}}


def draw(axes, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, SHAPES[axes], dtype, endpoint=True)


def write(path, axes, dtype=np.uint8, compression="none", cut="strips", **options):
    """Write random pixels as TIFF that states no axes, and its shape only where pages alone leave it open."""
    options["metadata"] = {} if axes == "TCYX" else None
    options |= {"photometric": "rgb" if "S" in axes else "minisblack", **CUTS[cut]}
    if axes == "TSYX":
        options["planarconfig"] = "separate"
    tifffile.imwrite(path, draw(axes, dtype), compression=compression, **options)
    return path
