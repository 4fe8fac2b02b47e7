"""Names that packages exported by version 0.1.0 import.

``probabilities`` is `hela_seg.interchange.probabilities`.
"""
