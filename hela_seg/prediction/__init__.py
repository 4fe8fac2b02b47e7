"""Predictions of whole recordings, written so that they can be interrupted and shared.

A recording is predicted in units of a few frames. Each unit is written, as soon as it is done, as a part in
a hidden folder beside the results; a unit whose part is there is never computed again. From the parts, in
order of time, come the results. So a run that was killed goes on with the units that are missing, several
jobs can each do some of them, and what comes out does not depend on any of that.

- ``run``: a whole prediction, from the first unit to the results
- ``job``: recordings, nets and settings of a prediction, and its units
- ``folder``: the folder of results: the record of the job, the parts, locks
- ``compute``: predicts missing units and writes their parts
- ``analyse``: measures cells and counts pixels of every frame, while later units are still computed
- ``cell_maps``: keeps the numbered cells of all frames until the results are written
- ``results``: writes the files that a user opens from the parts: ``result_files`` names them, ``writers``
  writes those of one ``recording``
- ``ranking``: chooses the frames to label next
"""
