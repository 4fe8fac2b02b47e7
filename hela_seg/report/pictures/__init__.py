"""Pictures of frames, and figures.

- ``blending``: labels over an image as an array; ``overlay``: a series as one PNG
- ``scale``: bars and times on them
- ``film``: all of a recording, with where cells came from; one cell's life
- ``contact_sheet``: many frames, small; ``curves``: what a recording holds over time, and how long cells
  stay in a class
- ``lineage``: who divided into whom
- ``drawings``: figures of pages, as SVG in the colours of the page
"""
