"""`hela_seg.interchange.probabilities` under the name that packages exported by version 0.1.0 have for it."""

from hela_seg.interchange.probabilities import Probabilities, with_probabilities

__all__ = ["Probabilities", "with_probabilities"]
