"""Finished runs side by side: from folders to a table of nets with intervals, and what follows for each pair.

- ``found``: what finished runs left behind; ``folds``: the runs of a cross-validation become one
- ``nets``: which runs are one net with several seeds, and which were scored on the same frames
- ``rows``: the figures of each net and of each pair; ``quality``: boundaries and cells
- ``notes``: what a reader must know of the figures; ``published``: the paper's own

Nothing here needs PyTorch; `hela_seg.report.comparison.write` writes and prints.
"""
