"""TIFF: ``reader`` opens any, ``ifds`` finds its pages, ``mapped`` reads what is not compressed.

``shaped`` sees descriptions whose shape is not that of the pages.

``photometric`` knows what the numbers mean: grey, inverted, colours, a colour table, opacity.

``positions`` knows the positions in a file, and ``several_files`` which files make up one recording.

``ome`` knows the metadata of OME-TIFF, ``ome_tiff`` writes such files.
"""
