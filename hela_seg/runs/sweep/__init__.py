"""Sweeps: many runs of one command, and how they go on after an interruption.

- ``folders``: which folder belongs to which job, and which sweep to which command
- ``jobs``: what became of each job
- ``taken_up``: from ``resume=`` to what was typed at the beginning
- ``search``: what a search for settings needs to be told
"""

from hela_seg.runs.sweep.folders import job_folder, last_sweep, typed_before
from hela_seg.runs.sweep.jobs import Job, Sweep, attempt, jobs_in
from hela_seg.runs.sweep.taken_up import going_on, record_kept

__all__ = [
    "Job",
    "Sweep",
    "attempt",
    "going_on",
    "job_folder",
    "jobs_in",
    "last_sweep",
    "record_kept",
    "typed_before",
]
