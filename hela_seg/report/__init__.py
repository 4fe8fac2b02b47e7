"""Reports for people: tables on the terminal, and files beside the run.

- ``tables``: scores, splits and files as text; scores as CSV and JSON
- ``quality``: boundaries and cells; ``findings``: what a check found
- ``page``: what all HTML pages are filled into
- ``run``: the report of a run; ``comparison``: nets side by side
- ``pictures``: frames with their labels drawn over them, films and figures
"""
