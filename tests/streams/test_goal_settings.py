"""Goals in shop.toml: what is read, the guide's templates, and mistakes with their place."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.goals import By, Goal, Target
from kpi_windows.windows import Grid, Window
from streams.config import ConfigError, load
from streams.demo_goals import demo_goals
from streams.goal_settings import TEMPLATES
from tests.kpi_windows.shops import ZONE, at

GRID = Grid(ZONE)
EXAMPLE = Path(__file__).parents[2] / "examples/shop.toml"
GUIDE = Path(__file__).parents[2] / "docs/how-to/goals.md"


def goals(tmp_path: Path, text: str) -> dict[str, Goal]:
    file = tmp_path / "shop.toml"
    file.write_text(f'[shop]\nzone = "{ZONE}"\n{text}', encoding="utf-8")
    return {goal.name: goal for goal in load(file, {}).goals}


def one(tmp_path: Path, **told: Any) -> Goal:
    written = {"kpi": '"sales"', "window": '"quarter"', "target": '"+10%"'}
    written |= {"deadline": '"2027-03-31"', **told}
    text = "".join(f"{key} = {value}\n" for key, value in written.items() if value is not None)
    return goals(tmp_path, f"[goals.x]\n{text}")["x"]


def mistake(tmp_path: Path, **told: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        one(tmp_path, **told)
    return str(raised.value).replace(str(tmp_path), "…")


def span(window: str, day: str) -> Window:
    return GRID.whole(window, at(day))


def test_without_goals_there_are_none(tmp_path: Path) -> None:
    assert goals(tmp_path, "") == {}
    assert load(environ={}).goals == ()


def test_the_guides_four_need_a_deadline_only(tmp_path: Path) -> None:
    text = """
    [goals.sales]
    template = "sales"
    deadline = "2027-03-31"
    [goals.conversion]
    template = "conversion"
    deadline = 2027-09-30
    [goals.visits]
    template = "visits"
    starts = "2026-10-01"
    [goals.calls]
    template = "service_calls"
    deadline = "2027-03"
    """
    told = goals(tmp_path, text)
    sales, conversion, visits, calls = told.values()
    assert (sales.kpi.id, sales.window, sales.target) == (
        "sales", "quarter", Target(Fraction(1, 10), By.RELATIVE),
    )  # fmt: skip
    assert (sales.deadline_ms, sales.baseline) == (at("2027-04-01"), span("quarter", "2026-10-01"))
    assert conversion.target == Target(Fraction(2, 100), By.RELATIVE)
    assert conversion.deadline_ms == at("2027-10-01")
    assert conversion.baseline == span("month", "2026-09-01")
    assert (visits.deadline_ms, visits.baseline) == (conversion.deadline_ms, conversion.baseline)
    assert visits.target == Target(Fraction(1, 5), By.RELATIVE)
    assert (calls.kpi.id, calls.target) == (
        "service_calls", Target(Fraction(-1, 2), By.RELATIVE),
    )  # fmt: skip
    assert (calls.deadline_ms, calls.baseline) == (at("2027-04-01"), conversion.baseline)
    assert [kpi.id for kpi in visits.supporting][2:4] == [
        "promotional_click_through_rate", "social_shares",
    ]  # fmt: skip
    assert "pages_before_contact" in [kpi.id for kpi in calls.supporting]
    assert {goal.title for goal in told.values()} == {each["title"] for each in TEMPLATES.values()}


def test_the_example_has_each_template_and_one_of_its_own() -> None:
    told = {goal.name: goal for goal in load(EXAMPLE, {}).goals}
    assert told.keys() >= {*TEMPLATES, "phone_orders"}
    assert told["conversion"].baseline == Fraction(21, 1_000)
    assert told["phone_orders"].where == {"channel": ("phone",)}
    assert told["phone_orders"].target == Target(Fraction(120_000))
    assert told["phone_orders"].baseline == span("month", "2026-11-01")


@pytest.mark.parametrize(
    ("kpi", "target", "expected"),
    [
        ("sales", '"+10%"', Target(Fraction(1, 10), By.RELATIVE)),
        ("sales", '"+ 2.5 %"', Target(Fraction(25, 1_000), By.RELATIVE)),
        ("sales", '"-50%"', Target(Fraction(-1, 2), By.RELATIVE)),
        ("sales", '"−50%"', Target(Fraction(-1, 2), By.RELATIVE)),
        ("conversion_rate", '"+2pp"', Target(Fraction(2, 100), By.POINTS)),
        ("conversion_rate", "0.021", Target(Fraction(21, 1_000))),
        ("sales", "120_000", Target(Fraction(120_000))),
        ("sales", '"120000.50"', Target(Fraction(240_001, 2))),
        ("sales", "1e6", Target(Fraction(1_000_000))),
    ],
)
def test_targets_are_read_exactly(tmp_path: Path, kpi: str, target: str, expected: Target) -> None:
    assert one(tmp_path, kpi=f'"{kpi}"', target=target).target == expected


@pytest.mark.parametrize(
    ("kpi", "baseline", "expected"),
    [
        ("sales", '"2026-Q3"', span("quarter", "2026-07-01")),
        ("sales", '"previous"', span("quarter", "2026-10-01")),
        ("sales", "0.1", Fraction(1, 10)),
        ("sales", "2025", Fraction(2_025)),
        ("conversion_rate", '"2025"', span("year", "2025-01-01")),
        ("conversion_rate", '"2026-09"', span("month", "2026-09-01")),
        ("conversion_rate", '"2026-W39"', span("week", "2026-09-21")),
        ("conversion_rate", '"2026-09-24"', span("day", "2026-09-24")),
        ("conversion_rate", "2026-09-24", span("day", "2026-09-24")),
    ],
)
def test_a_baseline_is_a_number_or_a_period(
    tmp_path: Path, kpi: str, baseline: str, expected: Any
) -> None:
    assert one(tmp_path, kpi=f'"{kpi}"', baseline=baseline).baseline == expected


def test_the_window_before_the_start_is_the_default_baseline(tmp_path: Path) -> None:
    told = one(tmp_path, starts='"2026-02-10"')
    assert told.baseline == span("quarter", "2025-10-01")


def test_names_in_any_language_and_other_numbers(tmp_path: Path) -> None:
    told = one(tmp_path, kpi='"Websiteverkeer"', definition='"unique_visitors"', window='"month"')
    assert (told.kpi.id, told.definition, told.title) == ("visits", "unique_visitors", "x")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"kpi": None}, "…/shop.toml:3: [goals.x]: kpi is missing: expected a KPI"),
        ({"kpi": '"saels"'}, "…/shop.toml:4: [goals.x] kpi: no KPI 'saels'; did you mean"),
        ({"kpi": "3"}, 'kpi: expected a KPI as "sales", got 3'),
        ({"definition": '"grss"'}, "[goals.x] definition: sales has no definition 'grss'"),
        ({"window": '"quater"'}, "…/shop.toml:5: [goals.x] window: no such one: quater; did you m"),
        ({"window": '"hour"'}, "window: no such one: hour; known are day, week, month"),
        ({"target": None}, "target is missing"),
        ({"target": '"10%"'}, '[goals.x] target: expected "+10%" (of the baseline), "+2pp"'),
        ({"target": '"+10"'}, "target: expected"),
        ({"target": "true"}, "target: expected"),
        ({"target": "nan"}, "target: expected"),
        ({"target": '"+0%"'}, "target: expected a change"),
        ({"target": '"+2pp"'}, 'target: only a ratio has percentage points: use "+2%"'),
        ({"deadline": None}, "deadline is missing: expected one as"),
        ({"deadline": '"soon"'}, 'deadline: expected a period as "2026-Q3"'),
        ({"deadline": '"2027-02-30"'}, "deadline: expected a period"),
        ({"deadline": '"2027-02-15"'}, 'expected the last day of one, as "2027-03-31"'),
        ({"deadline": '"2999-12-31"'}, "deadline: expected a period"),
        ({"starts": '"2027-05-01"'}, "starts: expected a day before the deadline"),
        ({"baseline": '"last"'}, 'baseline: expected a number, "previous" or a period as'),
        ({"baseline": '"2026-09"'}, "2026-09 is a month, but a quarter is judged"),
        ({"baseline": '"2027-Q2"'}, "baseline: expected a period before the deadline"),
        ({"where": '"web"'}, 'where: expected a table as { channel = "web" }'),
        ({"where": "{ channel = 3 }"}, "where: expected texts"),
        ({"where": '{ page = "web" }'}, "[goals.x] where: sales is not broken down by page"),
        ({"supporting": '["vists"]'}, "supporting: no KPI 'vists'; did you mean 'visits'?"),
        ({"supporting": '"visits"'}, 'supporting: expected a list as ["visits"]'),
        ({"template": '"sale"'}, "template: no such one: sale; did you mean sales?"),
        ({"template": "[]"}, "template: no such one"),
        ({"better": '"more"'}, "[goals.x] better: expected higher or lower, got 'more'"),
        ({"title": "3"}, "title: expected text, got 3"),
        (
            {"deadlin": "3"},
            "…/shop.toml:8: [goals.x] deadlin: no such setting; did you mean deadli",
        ),
        (
            {"template": '"sales"', "deadline": None},
            "deadline is missing (or starts): expected one as",
        ),
        (
            {"template": '"sales"', "deadline": None, "starts": '"2026-11-01"'},
            "starts: expected the first day of a quarter, or a deadline as well",
        ),
        (
            {"template": '"sales"', "deadline": None, "starts": '"2027-01-12"'},
            "starts: expected the first day of a quarter",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(
    tmp_path: Path, told: dict[str, Any], expected: str
) -> None:
    assert expected in mistake(tmp_path, **told)


def test_tables_are_expected(tmp_path: Path) -> None:
    for text, expected in (
        ("[goals]\nx = 3\n", "[goals.x]: expected a table [goals.x]"),
        ('[goals."a b"]\n', "a goal's name is of letters, digits"),
    ):
        with pytest.raises(ConfigError) as raised:
            goals(tmp_path, text)
        assert expected in str(raised.value)
    file = tmp_path / "shop.toml"
    file.write_text("goals = 3\n")
    with pytest.raises(ConfigError, match=r":1: \[goals\]: expected tables as \[goals.sales\]"):
        load(file, {})


@pytest.mark.parametrize(
    ("today", "quarter", "year", "half"),
    [
        ("2026-01-01", "2026-06-30", "2026-12-31", "2026-06-30"),
        ("2026-11-30", "2027-03-31", "2027-10-31", "2027-04-30"),
        ("2027-12-31", "2028-03-31", "2028-11-30", "2028-05-31"),
    ],
)
def test_the_demos_goals_are_ahead_of_it(today: str, quarter: str, year: str, half: str) -> None:
    sales, conversion, visits, calls = demo_goals(date.fromisoformat(today), 600, CATALOGUE, ZONE)
    assert sales.deadline_ms == span("day", quarter).end_ms
    assert conversion.deadline_ms == visits.deadline_ms == span("day", year).end_ms
    assert calls.deadline_ms == span("day", half).end_ms
    assert visits.baseline == 600 * 24 * 30


def test_the_guide_to_goals_shows_what_works(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert set(goals(tmp_path, block)) == {"sales", "phone_orders"}
    rows = re.findall(r"^\| `(.*?)` \| ([\d.]+) %", text, re.MULTILINE)
    assert len(rows) == 3
    for written, percent in rows:
        target = one(tmp_path, kpi='"conversion_rate"', target=written).target
        assert target.of(Fraction(3, 100)) == Fraction(percent) / 100
