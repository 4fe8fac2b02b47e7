"""From files on disk to batches of tiles.

``stacks`` opens files, ``layouts`` pairs images with masks, ``labels`` turns masks into class indices, ``splits``
deals series out to training, validation and test, ``tiles`` is the geometry, ``normalise`` and ``augment`` change
values, ``dataset`` cuts one tile, ``datamodule`` wires it all into loaders. ``synthetic`` draws recordings.
"""
