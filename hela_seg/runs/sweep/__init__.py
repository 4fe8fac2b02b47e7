"""Sweeps: many runs of one command, and how they go on after an interruption.

- ``folders``: which folder belongs to which job, and which sweep to which command
- ``jobs``: what became of each job
"""
