"""The report of a run, from the files in its folder.

- ``page``: all of it; ``sections``: what each section shows; ``sheets``: their tables
- ``figures``: curves over the epochs, scores over time and by confidence
- ``verdict``: what the scores say, in sentences
- ``examples``: the best and the worst frames, with the class maps that were scored, and training tiles
"""
