"""Training a net.

- ``task``: one step and its scores; ``metrics`` add these up; ``losses``; ``schedules`` of the learning rate
- ``settings``: of a run, checked and resolved once
- ``start``: where a run starts, and with which data and net
- ``assembly``: settings and data -> the parts of a run; ``outcome``: what it ends with
- ``fit``: Lightning's loop, and how training ends that is interrupted
- ``fine_tuning``: what a net takes over from a checkpoint of other classes or channels
- ``callbacks``, ``checkpoints``, ``watch``, ``pictures``: what happens beside the steps
- ``advice``: what to try where a class is not learned
- ``loggers``: services that keep logs
- ``memory``: how many tiles fit into it; ``ddp``: several devices
- ``plan``: how many steps fit into so many minutes
- ``costs``: what training and using a net takes
- ``timing``: where the time of training and prediction goes
"""
