"""What people look at: tables on the terminal and beside the run, overlays of labels on images.

- ``tables``: scores, splits and files as text; scores as CSV and JSON.
- ``run``: the report of a run, from the files in its folder; ``page`` is what all HTML pages are filled into.
- ``comparison``: nets side by side, in print, CSV, Markdown, LaTeX and HTML, all from the same ``sheets``.
- ``overlay``: labels drawn over frames, one PNG a series.
"""
