"""A prediction from its first unit to its results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from hela_seg.inference import Predictor
from hela_seg.prediction.analyse import analyse
from hela_seg.prediction.compute import compute
from hela_seg.prediction.folder import ResultFolder
from hela_seg.prediction.job import Job, Shard, Unit
from hela_seg.prediction.recording import PredictedRecording
from hela_seg.prediction.results import write_results

Announce = Callable[[Unit], None]


class _AbandonedError(Exception):
    """The nets ended early, so no further units will arrive to be analysed."""


def run(
    predictor: Predictor,
    job: Job,
    folder: ResultFolder,
    shard: Shard,
    *,
    announce: Announce,
    skip_unreadable: bool = False,
) -> list[PredictedRecording] | None:
    """Predict what is missing of a shard's units; the last shard to end writes the results of all.

    Args:
        predictor: the nets.
        job: begun in the folder.
        folder: of the results.
        shard: which part of the work is ours.
        announce: called with each unit that is done, those of an earlier start included.
        skip_unreadable: see `compute`.

    Returns:
        The result of each recording; None where other shards are still at work, or have written the results.

    Raises:
        InputError: see `compute`.
    """
    own = shard.own(job.units)
    missing = [unit for unit in own if not folder.is_done(job, unit)]
    computed = compute(predictor, job, folder, missing, skip_unreadable=skip_unreadable)
    to_compute = set(missing)
    done = (next(computed) if unit in to_compute else unit for unit in own)
    if shard.count == 1:
        results = _analysed_beside(job, folder, done, announce)
    else:
        for unit in done:
            announce(unit)
    with folder.results_taken():
        if folder.is_finished(job) or not all(folder.is_done(job, unit) for unit in job.units):
            return None
        if shard.count > 1:
            results = analyse(job, folder, job.units)
        write_results(job, folder, results)
        folder.finish(job)
    return results


def _analysed_beside(
    job: Job, folder: ResultFolder, units: Iterable[Unit], announce: Announce
) -> list[PredictedRecording]:
    """The result of each recording, whose units are analysed in a thread while later ones are computed."""
    done = SimpleQueue[Unit | None]()

    def arriving() -> Iterator[Unit]:
        """Units as they are done; an error once no more of them will be."""
        for _ in job.units:
            unit = done.get()
            if unit is None:
                raise _AbandonedError
            yield unit

    with ThreadPoolExecutor(1) as pool:
        analysis = pool.submit(analyse, job, folder, arriving())
        try:
            for unit in units:
                done.put(unit)
                announce(unit)
                if analysis.done():
                    break  # it has failed, or this was the last unit: its result says which
        except BaseException:
            done.put(None)
            raise
        return analysis.result()
