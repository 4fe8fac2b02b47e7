"""Files of microscopes, which libraries of their own open: ``reader`` says what a reader of one offers.

One format each: ``nd2`` (Nikon), ``czi`` (Zeiss), ``lif`` (Leica), ``oif`` (Olympus), ``ims`` (Imaris),
``micromanager`` (folders of planes) and ``video`` (AVI, MP4). A further format is one more file here, with a
subclass of ``reader.Reader``, and one line in ``hela_seg.data.stacks.discovery.formats``.

``series`` makes a series of one position of such a file.
"""
