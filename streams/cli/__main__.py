"""`python -m streams.cli` is `kpi`."""

from __future__ import annotations

from streams.cli import main

main(prog_name="kpi")
