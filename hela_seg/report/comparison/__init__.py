"""Nets side by side.

- ``folders``: all finished runs of some folders, and the end of a sweep with what became of its jobs
- ``write``: in print, CSV, Markdown, LaTeX and HTML, from ``sheets`` of text
- ``intervals``: nets as a figure
"""
