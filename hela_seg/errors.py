"""The one exception that is the user's to mend."""


class InputError(Exception):
    """Something that the user handed over cannot be used: a file, a folder, a setting.

    Commands print its message as one line and exit with status 2, without a traceback. The message says what
    was found, where, what was expected and what to do.
    """
