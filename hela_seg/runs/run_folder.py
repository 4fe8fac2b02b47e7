"""Every file name in the folders of runs and predictions."""

from __future__ import annotations

CHECKPOINTS = "checkpoints"
BEST_CHECKPOINT = "best.ckpt"
LAST_CHECKPOINT = "last.ckpt"
PREVIOUS_CHECKPOINT = "previous.ckpt"
NEXT_CHECKPOINT = "next.ckpt"
RESUMABLE = (NEXT_CHECKPOINT, LAST_CHECKPOINT, PREVIOUS_CHECKPOINT)
LOGS = "logs"
METRICS_TABLE = "metrics.csv"
FINISHED = "finished.json"
FAILED = "failed.json"
SPLIT_TABLE = "split.csv"
CLASS_POSITIONS = "class_positions.npy"
SCORES_TABLE = "scores.csv"
SCORES_JSON = "scores.json"
BOUNDARY_TABLE = "boundary_scores.csv"
CELL_SCORES_TABLE = "cell_scores.csv"
FRAME_COUNTS = "frames.csv"
RUN_RECORD = "run.json"
RELIABILITY = "calibration.csv"
REPORT = "report.html"
COMPARISON = "comparison"
JOBS_TABLE = "jobs.csv"
FOLDS_TABLE = "out_of_fold.csv"

PREDICTION_RECORD = "prediction.json"
PREDICTION_PARTS = ".prediction"
AREAS_TABLE = "areas.csv"
CELLS_TABLE = "cells"
TRACKS_TABLE, EVENTS_TABLE, LIVES_TABLE = "tracks.csv", "events.csv", "lives.csv"
TRACK_SCORES_TABLE = "track_scores.csv"
RANKING_TABLE, RANKING_SHEET = "label_next.csv", "label_next.png"
TIME_COURSE = "time_course.png"
LABELS_SUFFIX = ".labels.ome.tif"
LABELS_ZARR_SUFFIX = ".labels.zarr"
CELLS_SUFFIX = ".cells.ome.tif"
SUFFIXES = {
    "tiff": LABELS_SUFFIX,
    "zarr": LABELS_ZARR_SUFFIX,
    "probabilities": ".probabilities.ome.tif",
    "entropy": ".entropy.ome.tif",
    "image": CELLS_SUFFIX,
    "rois": ".rois.zip",
    "geojson": ".cells.geojson",
    "overlay": ".overlay.png",
    "mp4": ".film.mp4",
    "png": ".film.png",
    "lineage": ".lineage.png",
    "lineage_svg": ".lineage.svg",
    "ctc": "_RES",
    "trackmate": ".trackmate.xml",
    "geff": ".tracks.geff",
}
"""What follows a recording's name, by kind of result of a prediction."""
