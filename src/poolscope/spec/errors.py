"""The one exception that is meant for the person at the command line, and how it says what to install."""


class PoolscopeError(ValueError):
    """One clear sentence: the key, the value it got, and what would fit.

    The command line prints it without a traceback and exits with status 2.
    """


def describe_install(extra: str) -> str:
    """Describe how an extra is installed, which no package index has.

    Example:
        >>> describe_install("pdf")
        "`pip install '.[pdf]'` in a clone of poolscope"
    """
    return f"`pip install '.[{extra}]'` in a clone of poolscope"
