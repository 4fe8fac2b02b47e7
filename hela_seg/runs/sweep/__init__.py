"""Sweeps: many runs of one command, and how they go on after an interruption.

- ``folders``: which folder belongs to which job, and which sweep to which command
- ``jobs``: what became of each job
- ``resume_arguments``: from ``resume=`` to what was typed at the beginning
- ``trust``: what a record may say
"""

from hela_seg.runs.sweep.folders import job_folder, last_sweep, typed_before
from hela_seg.runs.sweep.jobs import Job, Sweep, jobs_in, run_job
from hela_seg.runs.sweep.resume_arguments import expand_resume_arguments, record_kept

__all__ = [
    "Job",
    "Sweep",
    "expand_resume_arguments",
    "job_folder",
    "jobs_in",
    "last_sweep",
    "record_kept",
    "run_job",
    "typed_before",
]
