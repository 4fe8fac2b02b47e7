"""What a checkpoint can be turned into for programs that are not this one.

- ``exported``: what all exports share, the proof that nothing changed among it
- ``onnx_file`` and ``torch_files``: ONNX, ``torch.export`` and TorchScript
- ``package``: a package for bioimage.io, with its ``description`` and a net that gives ``probabilities``
- ``card``: a page for people
"""
