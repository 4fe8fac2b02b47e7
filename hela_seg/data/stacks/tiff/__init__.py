"""TIFF: ``reader`` opens any, ``ifds`` finds its pages, ``mapped`` reads what is not compressed.

``ome`` knows the metadata of OME-TIFF, ``ome_tiff`` writes such files.
"""
