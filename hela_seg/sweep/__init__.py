"""Sweeps: the folder that each job has, what became of it, and how a sweep that was interrupted goes on."""

from hela_seg.sweep.folders import job_folder, last_sweep, typed_before
from hela_seg.sweep.jobs import Job, Sweep, attempt, jobs_in
from hela_seg.sweep.taken_up import going_on, record_kept

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
