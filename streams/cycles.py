"""How seldom Python looks for cycles among objects.

It must not know whose objects these are.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (1_000_000, 20, 100)


def look_seldom() -> None:
    """From here on: state and values are millions of objects, next to none of them in cycles.

    It saves a worker a tenth, the longest scrapes a third, and commands that read files a quarter.
    """
    gc.set_threshold(*_THRESHOLDS)
