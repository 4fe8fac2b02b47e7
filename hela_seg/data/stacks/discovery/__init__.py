"""What there is to read: ``formats`` knows files by ending and content, ``listing`` lists those of a folder.

``positions`` are several recordings in one file, and ``remote`` are addresses of folders on servers.
"""
