"""From files on disk to batches of tiles.

``stacks`` opens files, ``layouts`` pairs images with masks, ``labels`` turns masks into class indices,
``splits`` deals series out to training, validation and test, ``tiles`` is the geometry, ``normalise`` and
``augment`` change values, ``frames`` reads windows, ``dataset`` cuts one tile, ``survey`` looks at all masks
once and leaves what it found in ``positions``, ``resized`` reads masks at their image's resolution,
``datamodule`` wires it all into loaders as ``settings`` has checked. ``gather``, ``examine`` and ``verdict``
look for all that is wrong, ``alike`` for pictures that are the same. ``synthetic`` draws recordings.
"""
