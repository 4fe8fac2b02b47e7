"""How long the parts of training and prediction take on this machine; `hela_seg.benchmark` is its command.

``machine`` states hardware, versions and the peak of matrix products; ``data_stages`` and ``net_stages`` take
times, the latter beside ``bare`` loops and nets of others; ``record`` keeps them; ``tables`` prints them.
"""
