"""The one exception that is meant for the person at the command line."""


class PoolscopeError(ValueError):
    """One clear sentence: the key, the value it got, and what would fit.

    The command line prints it without a traceback and exits with status 2.
    """
