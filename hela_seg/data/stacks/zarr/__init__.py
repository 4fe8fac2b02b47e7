"""Zarr: ``reader`` opens arrays, ``multiscales`` knows the metadata of OME-Zarr, ``ome_zarr`` writes it."""
