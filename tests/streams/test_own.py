"""What a shop defines itself in its file, and what is answered to a mistake in it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from kpi_windows.catalogue import CATALOGUE
from kpi_windows.definitions import Measure
from kpi_windows.kpi import Better, Unit
from kpi_windows.thresholds import DEFAULTS
from streams.config import ConfigError, Settings, load
from streams.exposition import KpiCollector, registry
from streams.follower import Whole
from streams.offline import compute
from streams.own import kpis, measures, thresholds
from streams.questions import Question, answer
from streams.written import scrape

SHOP = """\
[measures.gift_orders]
title = "Gift orders"
event = "order_completed"
where = { channel = ["online", "phone"], "properties.gift" = true }
count = true
labels = { shop = "channel" }

[measures.tips]
event = ["order_completed"]
sum = "properties.tip"

[kpis.gift_share]
title = "Share of gifts"
aliases = ["Cadeaus"]
formula = "gift_orders / order.orders"
unit = "ratio"
better = "higher"
note = "Of all orders."

[kpis.gift_growth]
formula = "gift_share − previous(gift_share)"
windows = ["day", "week"]

[kpis.mobile_conversion]
formula = 'where(conversion_rate, device="mobile")'
unit = "ratio"
by = ["source"]

[thresholds.gifts_low]
kpi = "Share of gifts"
below = "2.5%"
window = "7d"
min_volume = 20
for = "1h"
severity = "critical"
summary = "Few gifts."

[thresholds.answers_slow]
kpi = "first_response_time"
definition = "p90"
where = { channel = "email" }
above = "30m"

[thresholds.csat_low]
below = 0.8

[thresholds.nps_low]
enabled = false
"""


def told(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "shop.toml"
    file.write_text(text)
    return load(file, {})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return told(tmp_path_factory.mktemp("own"), SHOP)


def test_measures_are_part_of_the_definitions(shop: Settings) -> None:
    gifts, tips = shop.definitions.measures
    assert gifts == Measure(
        "gift_orders", ("order_completed",), "count", "",
        (("channel", ("online", "phone")), ("properties.gift", ("true",))),
        (("shop", "channel"),), "Gift orders",
    )  # fmt: skip
    assert tips == Measure("tips", ("order_completed",), "sum", "properties.tip")


def test_a_measure_can_be_asked_for_as_a_kpi(shop: Settings) -> None:
    gifts = shop.catalogue.find("gift orders")
    assert (gifts.id, gifts.unit, gifts.by) == ("gift_orders", Unit.COUNT, ("shop",))
    assert gifts.formula.text() == "own.gift_orders"
    assert gifts.metric() == "kpi_gift_orders"


def test_own_kpis_join_the_catalogue(shop: Settings) -> None:
    share = shop.catalogue.find("cadeaus")
    assert (share.id, share.title, share.group) == ("gift_share", "Share of gifts", "own")
    assert (share.unit, share.better) == (Unit.RATIO, Better.HIGHER)
    assert share.formula.text() == "own.gift_orders / order.orders"
    assert share.formula.words() == "Gift orders / orders"
    assert share.metric() == "kpi_gift_share_ratio"
    growth = shop.catalogue["gift_growth"]
    assert growth.windows == ("day", "week")
    assert growth.formula.text() == (
        "own.gift_orders / order.orders − previous(own.gift_orders / order.orders)"
    )
    assert shop.catalogue["mobile_conversion"].by == ("source",)
    assert list(shop.catalogue)[: len(CATALOGUE)] == list(CATALOGUE)


def test_thresholds_are_in_the_unit_of_their_metric(shop: Settings) -> None:
    known = {each.name: each for each in shop.thresholds}
    gifts, answers = known["gifts_low"], known["answers_slow"]
    assert (gifts.kpi, gifts.below, gifts.above) == ("gift_share", 0.025, None)
    assert (gifts.window, gifts.min_volume, gifts.for_ms) == ("7d", 20, 3_600_000)
    assert (gifts.severity, gifts.summary) == ("critical", "Few gifts.")
    assert (answers.above, answers.where) == (1_800, (("channel", "email"),))


def test_a_default_threshold_is_changed_by_its_name_or_switched_off(shop: Settings) -> None:
    known = {each.name: each for each in shop.thresholds}
    default = next(each for each in DEFAULTS if each.name == "csat_low")
    assert known["csat_low"].below == 0.8
    assert known["csat_low"].min_volume == default.min_volume
    assert known["csat_low"].summary == default.summary
    assert "nps_low" not in known
    assert len(known) == len(DEFAULTS) + 1


def test_a_hysteresis_has_the_unit_of_its_bound(tmp_path: Path) -> None:
    text = "[thresholds.csat_low]\nhysteresis = '2%'\n"
    text += "[thresholds.first_response_slow]\nhysteresis = '30m'\n"
    known = {each.name: each.hysteresis for each in told(tmp_path, text).thresholds}
    assert known["csat_low"] == 0.02
    assert known["first_response_slow"] == 1_800
    assert known["nps_low"] is None


def test_an_own_text_isnt_told_in_dutch_by_the_defaults(tmp_path: Path) -> None:
    text = "[thresholds.csat_low]\nsummary = 'Look.'\n[thresholds.nps_low]\nsummary = 'Look.'\n"
    known = {each.name: each for each in told(tmp_path, f"{text}summary_nl = 'Kijk.'\n").thresholds}
    assert [known[name].summary_nl for name in ("csat_low", "nps_low")] == ["", "Kijk."]
    assert known["stock_out"].summary_nl


def test_without_tables_nothing_is_added(tmp_path: Path) -> None:
    settings = told(tmp_path, "[shop]\n")
    assert settings.catalogue is CATALOGUE
    assert settings.thresholds == DEFAULTS
    assert settings.definitions.measures == ()


COUNT = 'event = "order_completed"\ncount = true\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[measure.x]\n", "…:1: [measure]: no such setting; did you mean measures?"),
        ("measures = 3\n", "…:1: [measures]: expected tables [measures.NAME]"),
        ("[measures]\nx = 3\n", "…:2: [measures.x]: expected a table [measures.x]"),
        (f"[measures.Gift]\n{COUNT}", "…:1: [measures.Gift]: expected a name of small letters"),
        ("[measures.x]\ncount = true\n", "…:1: [measures.x]: expected event, text, or a list"),
        (
            '[measures.x]\ncount = true\nevent = "order_complete"\n',
            "event: no such type of event: order_complete; did you mean order_completed?",
        ),
        ("[measures.x]\nevent = []\ncount = true\n", "…:2: [measures.x] event: expected a type"),
        (
            '[measures.x]\nevent = "ads_reported"\ncount = true\n',
            "…:2: [measures.x] event: ads_reported can be told anew",
        ),
        (f"[measures.x]\n{COUNT}wher = {{}}\n", "…:4: [measures.x] wher: no such key; did you mean w"),
        (f"[measures.x]\n{COUNT}sum = 'tax'\n", "…:4: [measures.x] sum: expected one of count, sum"),
        ("[measures.x]\nevent = 'page_viewed'\n", "…:1: [measures.x]: expected one of count, sum"),
        ("[measures.x]\nevent = 'page_viewed'\ncount = false", "…:3: [measures.x] count: expected t"),
        (
            "[measures.x]\nevent = 'order_completed'\nsum = 'shiping'\n",
            "…:3: [measures.x] sum: order_completed has no field 'shiping'; did you mean shipping?",
        ),
        (
            "[measures.x]\nevent = 'order_completed'\nsum = 'channel'\n",
            "…:3: [measures.x] sum: channel of order_completed is text; expected a number",
        ),
        (
            "[measures.x]\nevent = 'order_completed'\nsum = 'tax * shipping'\n",
            "expected whole numbers and at most one that isn't",
        ),
        (
            "[measures.x]\nevent = 'order_completed'\ndistinct = 'tax'\n",
            "…:3: [measures.x] distinct: tax is money; expected a field that names something",
        ),
        (
            f"[measures.x]\n{COUNT}labels = {{ a = 'products.category' }}\n",
            "…:4: [measures.x] labels: products.category: an event has several of them",
        ),
        (f"[measures.x]\n{COUNT}labels = {{ window = 'channel' }}\n", "labels: window is taken"),
        (f"[measures.x]\n{COUNT}labels = {{ 'B-1' = 'channel' }}\n", "B-1: expected a name of small"),
        (f"[measures.x]\n{COUNT}labels = 'channel'\n", "labels: expected a table as { shop ="),
        (
            f"[measures.x]\n{COUNT}\n[measures.x.where]\nchanel = 'a'\n",
            "…:5: [measures.x] where: order_completed has no field 'chanel'; did you mean channel?",
        ),
        (f"[measures.x]\n{COUNT}where = {{ channel = [] }}\n", "…:4: [measures.x] where: expected a t"),
        (f"[measures.visits]\n{COUNT}", "…:1: [measures.visits]: there is a KPI visits already (visits, V"),
        ("[kpis.x]\nunit = 'ratio'\n", "…:1: [kpis.x]: expected formula, text"),
        (
            "[kpis.x]\nformula = 'order.ordrs / visits'\n",
            "…:2: [kpis.x] formula: at character 1, 'order': nothing is called 'order.ordrs'; of o",
        ),
        ("[kpis.x]\nformula = 'y'\n[kpis.y]\nformula = 'x'\n", "it needs itself: x -> y -> x"),
        (
            "[kpis.gift]\nformula = 'visits'\n[kpis.z]\nformula = 'gifts'\n",
            "…:4: [kpis.z] formula: at character 1, 'gifts': nothing is called 'gifts'; did you me",
        ),
        ("[kpis.x]\nformula = 'visits'\nby = ['sourc']\n", "…:3: [kpis.x] by: the formula has no label"),
        ("[kpis.x]\nformula = 'visits'\nunit = 'euro'\n", "…:3: [kpis.x] unit: expected one of"),
        ("[kpis.x]\nformula = 'visits'\nbetter = 'up'\n", "…:3: [kpis.x] better: expected one of"),
        ("[kpis.x]\nformula = 'visits'\nwindows = ['2h']\n", "…:3: [kpis.x] windows: no such window"),
        ("[kpis.sales]\nformula = 'visits'\n", "…:1: [kpis.sales]: there is a KPI sales already"),
        ("[kpis.aov]\nformula = 'visits'\n", "[kpis.aov]: there is a KPI aov already (average_order"),
        (
            "[kpis.x]\nformula = 'visits'\ntitle = 'sales'\n",
            "…:3: [kpis.x] title: there is a KPI sales already (sales, Sales); rename it",
        ),
        (
            "[kpis.x]\nformula = 'visits'\naliases = ['b']\n[kpis.y]\nformula = '1'\ntitle = 'B'\n",
            "…:6: [kpis.y] title: there is a KPI B already (x, X); rename it",
        ),
        (
            "[kpis.k0]\nformula = 'visits'\n"
            + "".join(f"[kpis.k{n + 1}]\nformula = 'k{n} + k{n}'\n" for n in range(40)),
            "[kpis.k9] formula: it has more than 500 amounts, with the KPIs in it",
        ),
        (
            "[exporter]\nbreakdowns=false\n[thresholds.x]\nkpi='visits'\nabove=3\nwhere={device='a'}",
            "…:6: [thresholds.x] where: [exporter] breakdowns is false",
        ),
        (f"[measures.x]\n{COUNT}[kpis.x]\nformula = 'visits'\n", "…:4: [kpis.x]: the measure x is a K"),
        (
            "[kpis.first_response_time_p90]\nformula = 'visits'\nunit = 'seconds'\n",
            "its series kpi_first_response_time_p90_seconds is one of first_response_time already",
        ),
        ("[thresholds.x]\nabove = 3\n", "…:1: [thresholds.x]: expected kpi, text"),
        (
            "[thresholds.x]\nkpi = 'conversion_rat'\nabove = 3\n",
            "…:2: [thresholds.x] kpi: no KPI 'conversion_rat'; did you mean 'conversion_rate'?",
        ),
        ("[thresholds.x]\nkpi = 'visits'\n", "…:1: [thresholds.x]: expected one of above and below"),
        (
            "[thresholds.x]\nkpi = 'visits'\nabove = 3\nbelow = 2\n",
            "…:3: [thresholds.x] above: expected one of above and below",
        ),
        (
            "[thresholds.x]\nkpi = 'bounce_rate'\nabove = 80\n",
            "…:3: [thresholds.x] above: expected a ratio from 0 to 1, or text as \"80%\", got 80",
        ),
        ("[thresholds.x]\nkpi = 'visits'\nabove = '80%'\n", "above: expected a number, got '80%'"),
        (
            "[thresholds.x]\nkpi = 'first_response_time'\nabove = '4 hrz'\n",
            '…:3: [thresholds.x] above: expected a duration as "30m"',
        ),
        (
            "[thresholds.x]\nkpi = 'visits'\nabove = 3\nwindow = '2h'\n",
            "…:4: [thresholds.x] window: visits has no window '2h'",
        ),
        (
            "[exporter]\nwindows = ['day']\n[thresholds.x]\nkpi = 'visits'\nabove = 3\n",
            "24h is none of [exporter] windows: day",
        ),
        (
            "[thresholds.x]\nkpi = 'visits'\nabove = 3\nwhere = { product = 'a' }\n",
            "…:4: [thresholds.x] where: visits has no label 'product'",
        ),
        (
            "[thresholds.x]\nkpi = 'visits'\nabove = 3\nmin_volume = 5\n",
            "…:4: [thresholds.x] min_volume: visits has no denominator",
        ),
        (
            "[thresholds.x]\nkpi = 'visits'\nabove = 3\nhysteresis = -1\n",
            "…:4: [thresholds.x] hysteresis: expected 0 or more",
        ),
        ("[thresholds.x]\nkpi = 'visits'\nabove = 3\nfor = 5\n", "…:4: [thresholds.x] for: expected a "),
        ("[thresholds.x]\nenabled = false\n", "enabled: only a default can be switched off"),
        ("[thresholds.x]\nkpi = 'visits'\nabove = 1\nseverity = 'bad'", "severity: expected one of"),
        (
            "[thresholds.x]\nkpi = 'first_response_time'\ndefinition = 'p99'\nabove = 1\n",
            "…:3: [thresholds.x] definition: first_response_time has no definition 'p99'",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_the_nearest_right_name(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        told(tmp_path, text)
    assert expected in str(caught.value).replace(str(tmp_path / "shop.toml"), "…")


EXAMPLE = Path(__file__).parents[2] / "examples" / "own.toml"


def test_the_example_shows_each() -> None:
    settings = load(EXAMPLE, {})
    kinds = {measure.kind for measure in settings.definitions.measures}
    assert kinds == {"count", "sum", "distinct"}
    tables = tomllib.loads(EXAMPLE.read_text())
    for section, keys in (
        ("measures", measures.KEYS),
        ("kpis", kpis.KEYS),
        ("thresholds", thresholds.KEYS),
    ):
        shown = {key for table in tables[section].values() for key in table}
        assert shown == set(keys), section
    assert "production" not in settings.topics
    assert [goal.kpi.id for goal in settings.goals] == ["gift_share"]
    formulas = " ".join(table["formula"] for table in tables["kpis"].values())
    assert all(word in formulas for word in ("previous(", "where(", "quantile(", "order.orders"))


def test_own_kpis_have_values_offline_and_on_metrics(tmp_path: Path) -> None:
    settings = load(EXAMPLE, {})
    events = [
        {"topic": "orders", "type": "order_completed", "timestamp": 1_767_261_600_000 + number,
         "order_id": f"o{number}", "products": [], "channel": channel, "shipping": "2.50",
         "customer_id": "c", "properties": {"gift": number % 2 == 0, "tip": 0.5}}
        for number, channel in enumerate(["online", "online", "phone", "store", "store"])
    ]  # fmt: skip
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)))
    view, _ = compute([file], settings.definitions)
    for kpi, labels, value in (
        ("gift_orders", (), 2),
        ("Aandeel cadeaus", (), 2 / 5),
        ("gift_share", ("channel",), None),
        ("tips", (), 2.5),
        ("shipping_per_order", (), 2.5),
        ("senders", (), 1),
    ):
        told = answer(view, Question(kpi, "day", by=labels), settings.catalogue)
        if labels:
            values = {each["labels"]["channel"]: each["value"] for each in told}
            assert values == {"online": 1 / 2, "phone": 1, "store": 0}
        else:
            assert [each["value"] for each in told] == [value], kpi
    whole = Whole(replace(settings, kafka=replace(settings.kafka, partitions=1)))
    whole.view = view
    whole.catch_up(0)
    page, _ = scrape(registry(KpiCollector(whole)))
    assert b'kpi_gift_share_ratio{window="day"} 0.4\n' in page
    assert b'kpi_shipping_paid_by_channel_money{channel="store",window="day"} 5.0\n' in page
