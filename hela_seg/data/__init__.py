"""From files on disk to batches of tiles.

Files to recordings:

- ``stacks``: opens files; all that knows their formats
- ``patterns``: which files belong together, by their paths; ``layouts``: the same where no pattern is needed
- ``matched``: opens the files of one recording; ``on_disk``: of a data set
- ``classes``: index, name and colour of each; ``labels``: masks as found -> class indices
- ``ctc_tracks``: tracks of cells in the Cell Tracking Challenge's form

Recordings to parts:

- ``splits``: series, or frames, for training, validation and test
- ``checks``: what is wrong with the data, before training

Parts to batches:

- ``tiles``: geometry alone; ``frames``: windows of images and labels as a net takes them; ``context``: the
  frames before and after that it is shown too
- ``normalise`` and ``augment``: change grey values, and shapes; ``grey_changes``: what light and focus change
- ``grey_values``: figures of them; ``intensity``: whether these and class shares are those of the training
  frames; ``exposure``: whether series were exposed alike
- ``dataset``: cuts one tile; ``sampler``: which tiles make an epoch
- ``datamodule``: wires all of it into loaders, as ``settings`` has checked

Data that need no download: ``synthetic``.
"""
