"""Nets side by side.

- ``folders``: all finished runs of some folders, and the end of a sweep
- ``write``: in print, CSV, Markdown, LaTeX (``latex``) and HTML, from ``sheets`` of text
- ``intervals``: nets as a figure; ``jobs``: what became of the jobs of a sweep
"""
