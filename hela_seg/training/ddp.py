"""Training by several processes, each with a device of its own: PyTorch's data parallelism through Lightning.

Every process holds the whole net, takes its part of each batch, and the gradients are averaged before each
step. Nets of 31 million weights need no more than that: with Adam they take half a gigabyte a device.
"""

from __future__ import annotations

import signal
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from pytorch_lightning.plugins import LayerSync
from pytorch_lightning.strategies import DDPStrategy
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from hela_seg.system import distributed, lightning_loops
from hela_seg.training.settings import TrainerSettings


class DataParallel(DDPStrategy):
    """Lightning's strategy for several processes, which may have different numbers of validation batches."""

    def __init__(self) -> None:
        super().__init__(gradient_as_bucket_view=True)

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """Validate a batch, not through PyTorch's wrapper, which waits for all processes at each batch."""
        assert self.lightning_module is not None
        with self.precision_plugin.val_step_context():
            return self.lightning_module.validation_step(*args, **kwargs)


class DDPSyncCallback(pl.Callback):
    """Keeps processes in step where Lightning does not."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let a process that is told to end, end: its last checkpoint is whole at any moment.

        Lightning would ask the others whether they were told too, at each step, and wait for the device.
        """
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        lightning_loops.do_not_share_sigterm(trainer)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validate everywhere with the running averages of rank 0, which are those that are saved."""
        distributed.broadcast_tensors(pl_module.buffers())


class SyncedBatchNorm(LayerSync):
    """Batch normalisation over the batch of all processes, on GPUs.

    Lightning's own does not know layers whose scale is a constant.
    """

    def apply(self, model: nn.Module) -> nn.Module:
        """Replace the layers of a module, in place; weights and their names stay."""
        for name, child in model.named_children():
            setattr(model, name, _synced(child) if isinstance(child, _BatchNorm) else self.apply(child))
        return model

    def revert(self, model: nn.Module) -> nn.Module:
        """Leave the layers as they are: without processes they are ordinary ones."""
        return model


def _synced(layer: _BatchNorm) -> nn.SyncBatchNorm:
    synced = nn.SyncBatchNorm(layer.num_features, layer.eps, layer.momentum)
    for values in (layer._parameters, layer._buffers):
        for name, value in values.items():
            delattr(synced, name)
            if isinstance(value, nn.Parameter):
                synced.register_parameter(name, value)
            else:
                lasting = name not in layer._non_persistent_buffers_set
                synced.register_buffer(name, value, persistent=lasting)
    return synced.train(layer.training)


def plugins(trainer: TrainerSettings) -> list[LayerSync | ClusterEnvironment]:
    """What a trainer takes beside its arguments."""
    if not trainer.is_distributed:
        # a single process inside of a SLURM job is one all the same, however many tasks the job has
        return [LightningEnvironment()]
    # `distributed.process_group` says in its words what any launcher says
    return [TorchElasticEnvironment(), *([SyncedBatchNorm()] if trainer.sync_batchnorm else [])]
