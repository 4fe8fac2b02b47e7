"""Series and frames for training, validation and test.

- ``split``: the rules; ``folds``: cross-validation; ``groups``: series that stay together
- ``table``: a split as it stands, and its file
"""
