"""The guide on imports holds what it shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

from streams.importer import ImportOptions, dry_run
from tests.streams.real_input import PROJECT

GUIDE = (PROJECT / "docs" / "how-to" / "import.md").read_text(encoding="utf-8")


def test_the_guides_file_and_mapping_give_its_orders(tmp_path: Path) -> None:
    blocks = re.findall(r"```(\w*)\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "orders.csv").write_text(next(text for kind, text in blocks if not kind))
    (tmp_path / "m.toml").write_text(next(text for kind, text in blocks if kind == "toml"))
    lines: list[bytes] = []
    options = ImportOptions(tmp_path / "orders.csv", tmp_path / "m.toml", progress=False)
    result = dry_run(options, write=lines.append)
    first, second, third = map(json.loads, lines)
    assert result.bad == 0
    assert (first["order_id"], first["timestamp"]) == ("1001", 1_719_828_000_000)
    assert [p["price"] for p in first["products"]] == ["9.95", "24.50"]
    assert "customer_id" not in second
    assert (third["type"], third["order_id"]) == ("order_cancelled", "1002")


def test_every_key_of_a_mapping_is_in_the_guide() -> None:
    from streams import mapping
    from streams.intake.cells import TESTS

    for name in (*mapping._READ, *mapping._RULE, *mapping._VALUE, *TESTS):
        assert re.search(rf"`(\[event\.)?{name}\b", GUIDE), name
