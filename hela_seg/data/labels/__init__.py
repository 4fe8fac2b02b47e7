"""Masks as found in files, and where the classes lie in them.

- ``readers``: values, colours or instances -> class indices, as ``settings`` say
- ``palettes``: colour tables that differ from file to file
- ``resized``: masks at the resolution of their image; ``painted``: out of a file for each cell or class
- ``survey``: one look at all masks before training, run by run of frames (``spans``)
- ``positions``: where the pixels of each class lie; ``balance``: weights for rare ones
"""
