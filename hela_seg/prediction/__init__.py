"""Predictions of whole recordings, written so that they can be interrupted and shared.

A recording is predicted in units of a few frames. Each unit is written, as soon as it is done, as a part in
a hidden folder beside the results; a unit whose part is there is never computed again. From the parts, in
order of time, come the results. So a run that was killed goes on with the units that are missing, several
jobs can each do some of them, and what comes out does not depend on any of that.

- ``run``: all of it, from the first unit to the results
- ``job``: what decides how a prediction comes out, and its units
- ``folder``: the folder of results: the record of the job, the parts, locks
- ``compute``: missing units -> parts
- ``analyse``: parts -> cells and figures of every frame, while later units are still computed
- ``results``: parts -> the files that a user opens
- ``ranking``: what to label next; ``to_label``: that as a list and as thumbnails
"""
