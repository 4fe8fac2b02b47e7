"""What every room needs and nothing of segmentation: errors, files, settings, the machine, processes.

- ``errors``: exceptions that say something to the user; ``faults``: any exception -> one line
- ``files``: output files that appear whole or not at all
- ``trust``: code outside of this package that the user trusts by name
- ``settings``: settings by their paths, and those that were typed held against those that are shipped;
  ``early_checks``: plain values, before PyTorch is imported
- ``machine``: what the machine is; ``hardware``: what is switched on for it
- ``ranks``: which of several processes this is; ``distributed``: what they tell each other
- ``lightning_loops``: the counters inside of Lightning that a resumed run depends on
- ``standard_error``: messages beside a progress bar
- ``version`` of this program
"""
