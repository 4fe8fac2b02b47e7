"""What is wrong with data, before a net is trained on them.

- ``gather``: opens what can be opened; ``examine``: looks at every frame; ``verdict``: what that means
- ``near_duplicates``: pictures that are the same, or nearly, on two sides of a split
"""
