"""What people look at: tables on the terminal, and files beside the run.

Tables:

- ``tables``: scores, splits and files as text; scores as CSV and JSON
- ``sheets``: tables of text, the same in print, Markdown, LaTeX and HTML; those of a run are made by
  ``run_sheets`` and ``quality_sheets``
- ``quality``: boundaries and cells; ``findings``: what a check found; ``folds`` and ``jobs``: of a sweep

Pages:

- ``page``: what all HTML pages are filled into
- ``run``: the report of a run, from the files in its folder, by its ``run_sections``
- ``comparison``: nets side by side, in print, CSV, Markdown, LaTeX (``latex``) and HTML

Figures of pages, as SVG in the page's colours (``drawings``):

- ``learning``: curves over the epochs; ``holding``: scores over time, by series and by confidence
- ``balance``: the split and its classes; ``intervals``: nets and their differences

Labels drawn over images (``blending``), as one PNG a series (``overlay``):

- ``examples``: the best and the worst frames, with labels from ``class_maps``, and training tiles
- ``contact_sheet`` and ``to_label``: many frames, small; ``film``: all of a recording
- ``curves``: what a recording holds over time
"""
