"""Which files are images and which are masks, where their paths follow patterns.

A pattern is a path below ``data.root`` with wildcards in it, such as ``{series}/phase_{t}.tif``. It is held
against whole paths, folder by folder; ``/`` separates folders on every system.

| wildcard | stands for |
|---|---|
| ``{word}`` | one or more characters of one file's or folder's name; any word of the user's |
| ``{t}`` | digits: the number of a frame; frames of one series are sorted by it, and none may be missing |
| ``{c}``, ``{z}`` | digits: the number of a channel, or of a plane in a Z-stack; in masks ``{z}`` alone |
| ``{position}`` | as a word: another position is another recording; in masks also one within an image file |
| ``{group}`` | as a word; recordings of one group, such as tiles of one picture, stay together in a split |
| ``{part}`` | ``train``, ``validation`` (``val``, ``valid``) or ``test``: what the recording is for |
| ``*`` | any characters of one name; in masks: one file a cell, all of which make the mask |
| ``**`` | as a whole part of the path: any number of folders, also none |

- A wildcard that stands twice in one pattern has the same text at both places. All wildcards that images and
  masks share, ``**`` too, link them: an image has the mask of the same texts, and of the same numbers.
- Recordings are told apart by all wildcards of the images but ``{t}``, ``{c}``, ``{z}`` and ``*``, and are
  named by the texts of these, joined by ``_``.
- An image file with several positions is a recording for each, named by the file and the position. Its mask
  has that name too (``dish_A1.tif``), or has ``{position}``, or is a position of the same name in a file.
- Of masks with ``{z}``, one for each plane, the one of the plane that ``data.z`` shows is read: of the image
  file of the same number; where planes lie in one file, the one at the same place among masks of all planes.
- A pattern without an ending takes each that can be read: ``images/{name}``. A folder stands for its files:
  ``images`` is ``images/{name}``.
- Images are one pattern, a list (one for each channel, in files of their own) or a mapping of channels' names
  to patterns. Masks are one pattern, or a mapping of classes to patterns of binary masks, of which later ones
  are painted over earlier ones; the background needs none.
- A file that several patterns match belongs to the one with the most letters of its own in the last part of
  the path, and of equal ones to the masks: with ``{name}.png`` and ``{name}_mask.png`` in one folder, mask
  files are no images.

The files:

- ``grammar``: a pattern as a regular expression
- ``listing``: the files of a folder that patterns may match
- ``files``: which file belongs to which pattern; ``images``: by recording; ``masks``: by image;
  ``matching``: both together
- ``auto``: which known layout a folder has
"""
