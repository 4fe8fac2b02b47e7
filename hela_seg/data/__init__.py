"""From files on disk to batches of tiles.

Files to recordings:

- ``stacks``: opens files; all that knows their formats
- ``layouts``: which image belongs to which mask; ``on_disk``: opens all of a data set
- ``labels``: masks as found -> class indices; ``resized``: masks at their image's resolution

Recordings to parts:

- ``splits``: series, or frames, for training, validation and test; with ``folds`` for cross-validation and
  ``groups`` of series that stay together
- ``split_table``: a split as it stands, and its file

Parts to batches:

- ``tiles``: geometry alone; ``frames``: windows of images and labels as a net takes them
- ``normalise`` and ``augment``: change grey values, and shapes
- ``survey``: looks at all masks once, run by run of frames (``spans``), and leaves in ``positions`` where the
  classes lie
- ``dataset``: cuts one tile; ``sampler``: which tiles make an epoch
- ``datamodule``: wires all of it into loaders, as ``settings`` has checked

What is wrong, before training: ``gather`` opens what can be opened, ``examine`` looks at every frame,
``verdict`` says what that means, ``alike`` finds pictures that are the same.

Data that need no download: ``culture`` lets cells live, ``synthetic`` draws them.
"""
