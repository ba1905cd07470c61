"""`kpi` for the tests of the guarantee, which can be told to kill itself at a named point.

    python -m tests.chaos.kpi exporter --port 0

It ends with the process that started it.  The file named by CHAOS_FAULT arms a fault; see `child`.
"""

from __future__ import annotations

import os
from pathlib import Path

from streams import commits
from streams.cli import main
from tests.chaos.child import FAULT, die_at, die_with_parent

if __name__ == "__main__":
    die_with_parent()
    commits.reached = die_at(Path(os.environ[FAULT]))
    main()
