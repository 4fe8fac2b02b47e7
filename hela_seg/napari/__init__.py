"""The plugin of napari: results on screen, class maps mended with a brush, and training on what was mended.

napari finds it by the manifest ``napari.yaml``. Nothing of Qt is imported but by ``widget`` and
what it is made of, ``panel`` and ``background``.

- ``reader``: opens folders of results and single class maps
- ``layers``: recordings, class maps, cells and tracks as layers of napari
- ``frames``: frames of a file as arrays, read as they are shown; class maps that can be painted on
- ``segment``: predicts the frames of a layer, and chooses those to label next
- ``finetune``: mended frames saved as images and masks that ``data=folder`` reads, and training on them
- ``background``: work that runs beside the window, and what goes wrong, in one line
- ``panel``: what the dock widget looks like
- ``widget``: the dock widget
"""
