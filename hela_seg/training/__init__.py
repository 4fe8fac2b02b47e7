"""Training a net.

- ``task``: one step and its scores; ``losses``
- ``assembly``: settings and data -> the parts of a run; ``outcome``: what it ends with
- ``callbacks``, ``checkpoints``, ``watch``, ``pictures``: what happens beside the steps
- ``loggers``: services that keep logs
- ``memory``: how many tiles fit into it; ``ddp``: several devices
- ``costs``: what training and using a net takes
- ``timing``: where the time of training and prediction goes
"""
