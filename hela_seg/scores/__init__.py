"""Counted pixels, boundaries and cells -> scores, how sure they are, and label images of any program.

Without PyTorch:

- ``counts``: pixels counted frame by frame; ``confusion``: scores of a confusion matrix
- ``calibration``: whether a net is right as often as it is sure; ``statistics``: intervals and tests
- ``boundaries``: distances between the boundaries of two class maps

With it:

- ``metrics``: from logits to classes, counts and scores
- ``frames``: a frame, its truth and what was found in it
- ``meters``: boundaries and cells of frames, added up
- ``reading``: how label images are read, and which cells they number
- ``truth``: the data to score on
- ``partners``: which label file belongs to which frame; ``labelled``: label images as segmented frames
"""
