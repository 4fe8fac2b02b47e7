"""The dock widget: predict, look where the net is undecided, mend, save, train again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from qtpy.compat import isalive
from qtpy.QtWidgets import QFileDialog

from hela_seg.data.classes import IGNORE_INDEX, Classes
from hela_seg.napari import finetune
from hela_seg.napari.background import in_one_line, start
from hela_seg.napari.finetune import Epoch, save_masks
from hela_seg.napari.layers import CLASSES_KEY, IGNORED_COLOUR, class_layer
from hela_seg.napari.panel import FOLDER, Panel, square
from hela_seg.napari.segment import Prediction, Shown, axes_of, predict
from hela_seg.system.errors import InputError

if TYPE_CHECKING:
    from napari.viewer import Viewer


class SegmentWidget(Panel):
    """Predicts the chosen image, and trains the net again on class maps that were mended.

    What takes time runs in a thread, or in a process of its own, one thing at a time.

    Args:
        napari_viewer: the window that it stands in; napari hands it over to an argument of this name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        viewer = napari_viewer
        self._viewer, self._stopping = viewer, False
        self._worker: Any = None  # held, so that it lives as long as its thread
        self._began, self._next = 0.0, 0
        self._connect()
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self._list_images)
        viewer.layers.selection.events.active.connect(self._list_classes)
        self._list_images()

    def _connect(self) -> None:
        for button, do in {
            self.predict: self._predict,
            self.jump: self._jump,
            self.save_frame: self._save_frame,
            self.save_mended: self._save_mended,
            self.train: self._train,
            self.stop: self._stop,
            self.browse_checkpoints: self._choose_checkpoint,
            self.browse_folders: self._choose_folder,
        }.items():
            # a button hands over whether it is pressed, which nobody asks
            button.clicked.connect(lambda *_, do=do: in_one_line(do, self.say))
        self.paint.activated.connect(self._choose_class)

    # What the widget shows

    def _list_images(self, event: object = None) -> None:
        chosen = self.image.currentText()
        self.image.clear()
        self.image.addItems([layer.name for layer in self._viewer.layers if isinstance(layer, Image)])
        self.image.setCurrentIndex(max(self.image.findText(chosen), 0))
        self._list_classes()

    def _list_classes(self, event: object = None) -> None:
        """Offer the classes of the class maps that are mended."""
        layer = self._mended()
        known = None if layer is None else layer.metadata[CLASSES_KEY]["classes"]
        self.paint.clear()
        if known is not None:
            for entry in Classes(known):
                self.paint.addItem(square(entry.colour), entry.name, entry.index)
            self.paint.addItem(square(IGNORED_COLOUR), "ignored: counts nowhere", IGNORE_INDEX)
            self.paint.setCurrentIndex(self.paint.findData(layer.selected_label))

    def _left(self, done: int, of: int) -> str:
        """How long the work will still take, as hours, minutes and seconds."""
        seconds = (time.monotonic() - self._began) / done * (of - done)
        return f"{timedelta(seconds=round(seconds))} left"

    # What the buttons do

    def _predict(self) -> None:
        checkpoint, layer = self._checkpoint(), self._image()
        source = getattr(layer.source, "path", None)
        shown = Shown(
            layer.metadata.get(CLASSES_KEY, {}).get("series"),
            None if source is None else Path(source),
            layer.data[0] if layer.multiscale else layer.data,
            axes_of(layer.ndim + layer.rgb, layer.rgb),
        )
        place = {"scale": layer.scale, "units": layer.units, "translate": layer.translate}
        if layer.ndim == 2:
            place = {name: (1 if name == "scale" else 0, *place[name]) for name in ("scale", "translate")}
            place["units"] = ("pixel", *layer.units)
        self.say("loading the net")
        self._run(
            predict(checkpoint, shown, lambda: self._stopping),
            lambda found: self._show_progress(found, layer.name, place),
        )

    def _show_progress(self, found: Any, name: str, place: dict[str, Any]) -> None:
        if isinstance(found, Prediction):
            self._show_prediction(found, name, place)
            return
        done, frames = found
        self.progress.setRange(0, frames)
        self.progress.setValue(done)
        self.say(f"{done} of {frames} frames, {self._left(done, frames)}")

    def _show_prediction(self, found: Prediction, name: str, place: dict[str, Any]) -> None:
        data, properties, _ = class_layer(
            found.maps, f"{name} classes", found.classes, place, series=found.series
        )
        properties["metadata"][CLASSES_KEY]["to_label"] = found.to_label
        for layer in self._viewer.layers:
            if isinstance(layer, Labels):
                layer.visible = False  # those before would shine through
        self._viewer.add_labels(data, **properties)
        self._next = 0
        frames = found.series.shape[0]
        stopped = f"stopped after {found.frames} of {frames} frames" if found.frames < frames else ""
        self.say("; ".join(filter(None, [stopped or f"{frames} frames predicted", found.note])))

    def _jump(self) -> None:
        layer, dims = self._classes_layer(), self._viewer.dims
        to_label = layer.metadata[CLASSES_KEY].get("to_label") or []
        if not to_label:
            raise InputError("no frame is suggested: predict the image first, or with label_next=10")
        t = to_label[self._next % len(to_label)]
        dims.set_point(dims.ndim - layer.ndim, layer.data_to_world((t, 0, 0))[0])
        self.say(f"frame {t}, {self._next % len(to_label) + 1} of {len(to_label)} to label")
        self._next += 1

    def _choose_class(self, row: int) -> None:
        layer = self._classes_layer()
        self._viewer.layers.selection.active = layer
        layer.selected_label, layer.mode = self.paint.itemData(row), "paint"

    def _save_frame(self) -> None:
        layer = self._classes_layer()
        t = round(layer.world_to_data(self._viewer.dims.point[-layer.ndim :])[0])
        if not 0 <= t < layer.data.shape[0]:
            raise InputError(f"frame {t} is not one of {layer.name}, expected 0 to {layer.data.shape[0] - 1}")
        self._save([t])

    def _save_mended(self) -> None:
        changed = self._classes_layer().data.changed()
        if not changed:
            raise InputError("no frame was painted on, expected one or more: mend a frame, or save this one")
        self._save(changed)

    def _save(self, frames: list[int]) -> None:
        layer = self._classes_layer()
        series = layer.metadata[CLASSES_KEY]["series"]
        if series is None:
            raise InputError(
                f"the image of {layer.name} is not known: open it, and predict it here before mending"
            )
        folder = self._folder()
        written = save_masks(folder, series, layer.data, frames, overwrite=self.replace.isChecked())
        self.say(f"{len(written)} mask(s) saved in {written[0].parent}")

    def _train(self) -> None:
        checkpoint, folder = self._checkpoint(), self._folder()
        self.say("starting the training")
        work = finetune.train(checkpoint, folder, self.epochs.value(), lambda: self._stopping)
        self._run(work, self._show_training, then=self._predict_again)

    def _show_training(self, found: Epoch | Path | None) -> None:
        if isinstance(found, Epoch):
            self.progress.setRange(0, found.epochs)
            self.progress.setValue(found.number)
            self.say(f"{found}\n{self._left(found.number, found.epochs)}")
        elif found is not None:
            self.checkpoint.setText(str(found))

    def _predict_again(self) -> None:
        if self._stopping:
            self.say(f"the training was stopped; the checkpoint is {self.checkpoint.text()}")
        else:
            self._predict()

    def _stop(self) -> None:
        self._stopping = True
        self.say("stopping")

    def _choose_checkpoint(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Checkpoint", "", "Nets (*.ckpt *.onnx)")
        if path:
            self.checkpoint.setText(path)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder for images and masks")
        if path:
            self.folder.setText(path)

    # What they need

    def _image(self) -> Any:
        name = self.image.currentText()
        if not name:
            raise InputError("no image is open, expected one: drop a recording on the window")
        return self._viewer.layers[name]

    def _checkpoint(self) -> Path:
        text = self.checkpoint.text().strip()
        if not text or not Path(text).is_file():
            raise InputError(f"the checkpoint '{text}' is no file, expected best.ckpt of a run: choose one")
        return Path(text)

    def _folder(self) -> Path:
        """Where masks go: as chosen, else beside the recording's file."""
        text = self.folder.text().strip()
        if text:
            return Path(text).absolute()
        series = self._classes_layer().metadata[CLASSES_KEY]["series"]
        if series is None or not series.path.exists():
            raise InputError("the image has no file to save masks beside: choose a folder in 'Masks in'")
        self.folder.setText(str(series.path.absolute().parent / FOLDER))
        return Path(self.folder.text())

    def _mended(self) -> Any:
        """The class maps that are mended: the active layer, else the topmost; None where there are none."""
        layers = [*self._viewer.layers, *filter(None, [self._viewer.layers.selection.active])]
        known = [one for one in layers if isinstance(one, Labels) and CLASSES_KEY in one.metadata]
        return next((one for one in reversed(known) if one.metadata[CLASSES_KEY]["classes"]), None)

    def _classes_layer(self) -> Any:
        layer = self._mended()
        if layer is None:
            raise InputError("no class maps are open: predict an image first, or open a result folder")
        return layer

    def _run(
        self, work: Iterator[Any], show: Callable[[Any], None], then: Callable[[], None] = lambda: None
    ) -> None:
        """Do some work in a thread, show what it yields, and go on with something else where it ends well."""
        self._stopping, self._began = False, time.monotonic()
        # not a bar that runs to and fro: with each of its pictures the whole canvas is drawn anew
        self.progress.setRange(0, 1)
        self.progress.setValue(0)
        self.set_running(True)
        self._worker = start(work, partial(self._take, show), partial(self._end, then))

    def _take(self, show: Callable[[Any], None], found: Any) -> None:
        if isalive(self):  # a window that was closed takes its widgets with it, while work goes on
            in_one_line(lambda: show(found), self.say)

    def _end(self, then: Callable[[], None], failure: str | None) -> None:
        if not isalive(self):
            return
        self._worker = None
        self.set_running(False)
        if failure is None:
            in_one_line(then, self.say)
        else:
            self.say(failure)
