"""What a process does about its own secrets before it starts processes that may be taken over."""

from __future__ import annotations

from restoration.photo.sandbox import landlock
from restoration.photo.sandbox.linux import PR_SET_DUMPABLE, NotHeld, prctl


def hide_if_need_be() -> bool:
    """Make this process's environment and memory unreadable for others of the same user, and for those it forks.

    With Landlock no decoding process can read them anyhow, and nothing is done: whoever runs the worker can then still
    look into it.

    :returns: whether they are hidden now.
    """
    try:
        landlock.version()
    except NotHeld:
        try:
            prctl(PR_SET_DUMPABLE, 0)
        except NotHeld:
            return False
        return True
    return False
