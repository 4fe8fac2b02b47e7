"""What the dock widget looks like: its buttons and fields, how they are laid out, and what they explain."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

EPOCHS = 20
FOLDER = "napari_training"
"""Name of the folder of masks beside a recording, where none is chosen."""


class Panel(QWidget):
    """Buttons and fields that do nothing yet."""

    def __init__(self) -> None:
        super().__init__()
        self.image, self.paint = _combo(), _combo()
        self.checkpoint, self.folder = QLineEdit(), QLineEdit()
        self.checkpoint.setPlaceholderText("best.ckpt of a run")
        self.folder.setPlaceholderText("beside the image")
        self.browse_checkpoints, self.browse_folders = QPushButton("Browse…"), QPushButton("Browse…")
        self.predict = QPushButton("Predict")
        self.jump = QPushButton("Next frame to label")
        self.save_frame = QPushButton("Save this frame")
        self.save_mended = QPushButton("Save mended frames")
        self.replace = QCheckBox("replace masks that are there")
        self.epochs = QSpinBox()
        self.epochs.setRange(1, 10_000)
        self.epochs.setValue(EPOCHS)
        self.epochs.setSuffix(" epochs")
        self.train = QPushButton("Train on all masks")
        self.stop = QPushButton("Stop")
        self.progress, self.status = QProgressBar(), QLabel("")
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()
        self._explain()
        self.set_running(False)

    def say(self, text: str) -> None:
        """Show some text below the buttons."""
        self.status.setText(text)

    def set_running(self, running: bool) -> None:
        """Offer what can be begun, or else what ends the work that is under way."""
        for button in (self.predict, self.train, self.save_frame, self.save_mended):
            button.setEnabled(not running)
        for part in (self.stop, self.progress):
            part.setVisible(running)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        predict, mend, train = (_box(title, column) for title in ("Predict", "Mend", "Train again"))
        predict.addRow("Image", self.image)
        predict.addRow("Checkpoint", _row(self.checkpoint, self.browse_checkpoints))
        predict.addRow(self.predict)
        mend.addRow(self.jump)
        mend.addRow("Paint", self.paint)
        mend.addRow("Masks in", _row(self.folder, self.browse_folders))
        mend.addRow(self.replace)
        mend.addRow(_row(self.save_frame, self.save_mended))
        train.addRow(_row(self.epochs, self.train))
        column.addWidget(_row(self.progress, self.stop))
        column.addWidget(self.status)
        column.addStretch()

    def _explain(self) -> None:
        """What is shown where the mouse rests."""
        for part, text in {
            self.checkpoint: "a net that hela_seg.train wrote, or an ONNX file that hela_seg.export wrote",
            self.jump: "goes to a frame in which the net is undecided; each click to another one",
            self.paint: "takes up the brush; 'ignored' marks pixels that count nowhere in training",
            self.folder: "images and masks are saved here in pairs, as data=folder reads them; by default in "
            f"{FOLDER} beside the image",
            self.save_frame: "saves the frame that is shown, painted on or not",
            self.save_mended: "saves all frames that were painted on",
            self.train: "starts from the checkpoint, and predicts again with the new one",
            self.stop: "keeps what is done: frames that are predicted, or the last checkpoint",
        }.items():
            part.setToolTip(text)
        for path in (self.checkpoint, self.folder):  # long paths are shown in part
            hint = path.toolTip()
            path.textChanged.connect(lambda text, path=path, hint=hint: path.setToolTip(text or hint))


def square(colour: str) -> QIcon:
    """A filled square, for the classes in a list."""
    pixels = QPixmap(16, 16)
    pixels.fill(QColor(colour))
    return QIcon(pixels)


def _box(title: str, column: QVBoxLayout) -> QFormLayout:
    box = QGroupBox(title)
    column.addWidget(box)
    return QFormLayout(box)


def _row(*parts: QWidget) -> QWidget:
    row = QWidget()
    line = QHBoxLayout(row)
    line.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        line.addWidget(part)
    return row


def _combo() -> QComboBox:
    """A list to choose from, which long names do not make wider."""
    combo = QComboBox()
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(12)
    return combo
