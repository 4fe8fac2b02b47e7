"""The figures of a table are those of the runs, and its conclusions follow from them."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest
from fabricated import frame_counts, write_run

from hela_seg.comparison.found import find_runs
from hela_seg.comparison.rows import Comparison, compare_runs
from hela_seg.scores.confusion import scores_of
from hela_seg.scores.counts import FrameCounts
from hela_seg.scores.statistics import count_of, units_of


def compared(root: Path) -> Comparison:
    (comparison,) = compare_runs(find_runs([root])[0])
    return comparison


def only(counts: FrameCounts, chosen: np.ndarray) -> FrameCounts:
    names = tuple(np.array(counts.series)[chosen].tolist())
    return FrameCounts(names, counts.frame[chosen], counts.block[chosen], counts.matrix[chosen])


def test_a_row_is_the_mean_over_seeds_with_its_spread(tmp_path: Path) -> None:
    each = [frame_counts(seed) for seed in range(3)]
    for seed, counts in enumerate(each):
        write_run(tmp_path / f"{seed}", counts, seed=seed, step_ms=100.0 + seed)
    (row,) = compared(tmp_path).rows
    own = [scores_of(counts.pooled) for counts in each]
    for measure, figure in row.means.items():
        values = [one.to_plain()[f"mean_{measure}"] for one in own]
        assert figure.interval.value == pytest.approx(statistics.mean(values), rel=1e-14)
        assert figure.spread == pytest.approx(statistics.stdev(values), rel=1e-10)
        assert figure.interval.low < figure.interval.value < figure.interval.high
    for index in range(3):
        values = [one.iou[index] for one in own]
        assert row.by_class["iou"][index].interval.value == pytest.approx(statistics.mean(values), rel=1e-14)
    assert row.costs.step_ms == 101.0


def test_one_seed_has_exactly_the_runs_scores_and_no_spread(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts())
    comparison = compared(tmp_path)
    own = scores_of(frame_counts().pooled)
    assert comparison.rows[0].means["iou"].interval.value == own.mean_iou
    assert comparison.rows[0].means["iou"].spread is None
    assert [figure.interval.value for figure in comparison.rows[0].by_class["dice"]] == own.dice.tolist()
    assert any("Trained with one seed: unet" in note for note in comparison.notes)


def test_the_better_net_stands_first_and_a_clear_difference_is_shown(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts(1, accuracy=0.8))
    write_run(tmp_path / "b", frame_counts(2, accuracy=0.9), net="vgg19_unet")
    comparison = compared(tmp_path)
    assert [row.name for row in comparison.rows] == ["vgg19_unet", "unet"]
    (pair,) = comparison.pairs
    best, other = (row.means["iou"].interval.value for row in comparison.rows)
    assert pair.difference.value == pytest.approx(best - other, rel=1e-12)
    assert pair.difference.low > 0
    assert pair.p == pair.p_holm < 0.01
    assert pair.sentence.startswith("vgg19_unet is better than unet, by ")


def test_nets_that_differ_by_chance_are_not_told_apart(tmp_path: Path) -> None:
    for number, net in enumerate(("unet", "vgg19_unet", "inception_unet", "resnet34_unet")):
        write_run(tmp_path / net, frame_counts(number), net=net)
    pairs = compared(tmp_path).pairs
    assert len(pairs) == 6
    assert all(pair.sentence.startswith("No difference shown") for pair in pairs)
    assert all(pair.p_holm >= pair.p for pair in pairs)


def test_a_single_image_has_scores_and_a_note_instead_of_an_interval(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts(1, frames=1, series=1))
    write_run(tmp_path / "b", frame_counts(2, frames=1, series=1), net="vgg19_unet")
    comparison = compared(tmp_path)
    assert not comparison.rows[0].means["iou"].interval.known
    assert "No 95 % intervals and no tests: a single image does not show" in " ".join(comparison.notes)
    assert comparison.pairs[0].sentence.startswith("Nothing can be said of")
    assert np.isnan([comparison.pairs[0].p, comparison.pairs[0].p_holm]).all()


def test_frames_whose_truth_is_ignored_throughout_count_in_no_unit(tmp_path: Path) -> None:
    for number, net in enumerate(("unet", "vgg19_unet")):
        counts = frame_counts(number, 0.8 + 0.1 * number, frames=40, series=40)
        write_run(tmp_path / "seen" / net, only(counts, np.arange(40) % 3 == 0), net=net)
        counts.matrix[np.arange(40) % 3 > 0] = 0
        write_run(tmp_path / "all" / net, counts, net=net)
    seen, found = compared(tmp_path / "seen"), compared(tmp_path / "all")
    assert count_of(units_of(found.counts)) == count_of(units_of(seen.counts)) == 14
    assert found.pairs == seen.pairs
    assert [row.means for row in found.rows] == [row.means for row in seen.rows]
    assert "draws of 14 images" in " ".join(found.notes)


def test_few_units_are_said_to_be_few(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts(frames=12, series=1))
    comparison = compared(tmp_path)
    assert count_of(units_of(comparison.counts)) == 3
    assert "3 blocks of neighbouring frames" in " ".join(comparison.notes)
    assert "Fewer than 10 make them too narrow" in " ".join(comparison.notes)


def test_a_class_absent_from_truth_is_named_and_left_out(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts(absent=2))
    comparison = compared(tmp_path)
    (row,) = comparison.rows
    assert np.isnan(row.by_class["iou"][2].interval.value)
    present = [figure.interval.value for figure in row.by_class["iou"][:2]]
    assert row.means["iou"].interval.value == pytest.approx(np.mean(present))
    assert any("Absent from the truth: spread" in note for note in comparison.notes)


def test_the_same_runs_give_the_same_table(tmp_path: Path) -> None:
    write_run(tmp_path / "a", frame_counts(1))
    write_run(tmp_path / "b", frame_counts(2), net="vgg19_unet")
    first, second = compared(tmp_path), compared(tmp_path)
    assert first.pairs == second.pairs
    assert [row.means for row in first.rows] == [row.means for row in second.rows]
