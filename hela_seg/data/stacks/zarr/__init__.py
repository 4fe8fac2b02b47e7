"""Zarr: ``reader`` opens arrays, ``multiscales`` knows the metadata of OME-Zarr, ``ome_zarr`` writes it.

``geff`` writes and reads graphs of cells. ``fill_value`` holds what the reader needs of zarr's internals.
"""
