"""Runs: what their folders and checkpoints hold, and how runs and sweeps go on.

- ``run_folder``: every file name; ``checkpoint``: what a checkpoint holds
- ``records``: what lies beside the scores
- ``logs``: losses and scores on disk while a run trains
- ``resume``: how one run goes on
- ``sweep``: many runs of one command
"""
