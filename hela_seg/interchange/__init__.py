"""Checkpoints for programs that are not this one, and from them.

What a checkpoint can be turned into:

- ``exported``: ONNX, ``torch.export`` and TorchScript, with the proof that nothing changed
- ``package``: a package for bioimage.io, with its ``description`` and a net that gives ``probabilities``
- ``card``: a page for people

And what becomes a checkpoint: ``keras`` reads the files of the paper's authors.
"""
