"""What is wrong with data, before a net is trained on them.

- ``gather``: opens what can be opened; ``examine``: looks at every frame; ``verdict``: what that means
- ``near_duplicates``: frames that show the same cells on two sides of a split, by their ``looks``;
  ``names``: frames of a time-lapse and tiles of a picture there, by their names
- ``perceptual_hash``: how unlike frames are, for the choice of what to label next
"""
