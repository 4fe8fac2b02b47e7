"""Pictures of frames, and figures.

- ``blending``: labels over an image as an array; ``overlay``: a series as one PNG
- ``scale``: bars and times on them
- ``film``: all of a recording
- ``contact_sheet``: many frames, small; ``curves``: what a recording holds over time;
  ``survival``: how long cells stay in a class
- ``lineage``: who divided into whom; ``trails``: where cells came from
- ``drawings``: figures of pages, as SVG in the colours of the page
"""
