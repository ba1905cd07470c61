"""The settings: what may be said where, and what is answered to a mistake."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from kpi_windows.definitions import DAY_MS, HOUR_MS, MINUTE_MS, Definitions, Targets
from kpi_windows.engine import Cut
from kpi_windows.events import TOPICS as EVENTS
from streams.cli.feed_command import producer_options
from streams.commits import Writer
from streams.config import ConfigError, Settings, load
from streams.settings import INSIDE, SECTIONS, Topics
from streams.topics import Names

EXAMPLE = Path(__file__).parents[2] / "examples" / "shop.toml"


def told(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "shop.toml"
    file.write_text(text)
    return load(file, environ)


def mistake(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        told(tmp_path, text, **environ)
    return str(caught.value).replace(str(tmp_path), "…")


def test_nothing_said_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(environ={})
    assert settings.definitions == Definitions()
    assert settings.topics["orders"] == "orders"
    assert settings.url == "http://127.0.0.1:9464"
    assert settings.kafka_options == {}


def test_what_listens_on_all_addresses_of_a_protocol_is_asked_by_that_protocol() -> None:
    assert load(environ={"KPI_EXPORTER_HOST": "0.0.0.0"}).url == "http://127.0.0.1:9464"
    assert load(environ={"KPI_EXPORTER_HOST": "::"}).url == "http://[::1]:9464"


def test_the_example_can_be_read() -> None:
    settings = load(EXAMPLE, {})
    definitions = settings.definitions
    assert definitions.zone == "Europe/Amsterdam"
    assert definitions.targets == {"urgent": Targets(30 * MINUTE_MS, 8 * HOUR_MS)}
    assert definitions.lateness_of("tickets") == HOUR_MS
    assert definitions.default_lateness_ms == 10 * MINUTE_MS
    assert definitions.rates["USD"][0].rate == Fraction("0.92")
    assert definitions.business_hours["thu"] == ("09:00-12:00", "13:00-21:00")


def test_the_example_names_every_setting_and_its_default() -> None:
    text = EXAMPLE.read_text()
    sections = tomllib.loads(text)
    for section, settings in SECTIONS.items():
        body = text.split(f"[{section}]", 1)[1]
        for one in settings:
            shown = f"# {one.key} = "
            assert one.key in sections.get(section, {}) or shown in body, one.variable


def test_every_definition_can_be_set() -> None:
    settable = {one.attribute for one in SECTIONS["shop"]} | set(INSIDE)
    assert settable - {"name"} | {"measures"} == {each.name for each in fields(Definitions)}


def test_a_variable_wins_over_the_file_and_an_override_over_both(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text('[kafka]\napp_id = "a"\npartitions = 2\n[exporter]\nport = 1\n')
    environ = {"KPI_APP_ID": "b", "KPI_EXPORTER_PORT": "2", "KPI_BOOTSTRAP_SERVERS": "h:1, i:2"}
    settings = load(file, environ, {"exporter_port": 3, "app_id": None})
    assert (settings.app_id, settings.partitions, settings.exporter.port) == ("b", 2, 3)
    assert settings.bootstrap_servers == ("h:1", "i:2")


def test_the_file_is_found_by_its_variable(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[shop]\ncurrency = "GBP"\n')
    assert load(environ={"KPI_CONFIG": str(file)}).definitions.currency == "GBP"
    with pytest.raises(ConfigError, match="there is no such file"):
        load(environ={"KPI_CONFIG": str(tmp_path / "none.toml")})


def test_durations_are_read_in_words(tmp_path: Path) -> None:
    text = '[shop]\nvisit_gap = "45 min"\nlost = "2 weeks"\nticket_ages = ["1d", "36h"]\n'
    definitions = told(tmp_path, text).definitions
    assert definitions.visit_gap_ms == 45 * MINUTE_MS
    assert definitions.lost_ms == 14 * DAY_MS
    assert definitions.ticket_ages_ms == (DAY_MS, 36 * HOUR_MS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[kafka]\n\nap_id = 'x'\n", "…/shop.toml:3: [kafka] ap_id: no such setting; did you mean"),
        ("[kafak]\n", "…/shop.toml:1: [kafak]: no such setting; did you mean kafka?"),
        ("kafka = 3\n", "…/shop.toml:1: expected a table [kafka]"),
        ("[shop]\nzone = 'Europe/Amsterdm'", 'expected a time zone as "Europe/Amsterdam", got'),
        ("[shop]\nzone = '../../etc/passwd'", "expected a time zone"),
        ("[shop]\ncurrency = 'euro'", "expected a currency as \"EUR\", got 'euro'"),
        ("[shop]\nvisit_gap = 30", 'expected a duration as "30m", "1h 30m" or "2 days", got 30'),
        ("[shop]\nvisit_gap = '30x'", 'expected a duration as "30m"'),
        ("[shop]\npair_keys = true", "expected a whole number"),
        ("[kafka]\npartitions = 0", "expected 1..1000, got 0"),
        ("[kafka]\npartitions = '4'", "expected a whole number, 1..1000, got '4'"),
        ("[kafka]\ntopics = { order = 'x' }", "no such one: order; did you mean orders?"),
        ("[kafka]\ntopics = { orders = 'x', carts = 'x' }", "expected a different name"),
        ("[kafka]\nbootstrap_servers = ['here']", "expected a list of brokers"),
        ("[kafka]\nsession_timeout = '3s'", "heartbeat: expected at most a third"),
        ("[kafka]\nsecurity_protocol = 'SASL_SSL'", "sasl_username: expected one"),
        ("[worker]\nstuck_after = '20s'", "[worker] stuck_after: expected at least 30s, twice"),
        ("[exporter]\nstuck_after = '5s'", "[exporter] stuck_after: expected at least 10s, or 0s"),
        ("[log]\nlevel = 'loud'", 'expected one of "debug", "info"'),
        ("[exporter]\nwindows = ['2h']", "[exporter] windows: no such one: 2h"),
        ("[shop.targets.high]\nfirst = '1h'", "[shop] targets: high: unknown key 'first'"),
        ("[shop.business_hours]\nmonday = []", "unknown day 'monday'"),
        ("[shop.business_hours]\nmon = ['9-17']", "shop.toml:1: [shop] business_hours: mon: expec"),
        ("[shop.business_hours]\nmon = [5]", "mon"),
        ("[[shop.rates.USD]]\nrate = 'x'\nvalid_from = 2024-01-01", "[shop] rates: USD: "),
        ("[[shop.rates.USD]]\nrate = '0'\nvalid_from = 2024-01-01", "expected a rate above 0"),
        ("[shop]\nholidays = ['Christmas']", 'expected a list of days as ["2026-12-25"]'),
        ("[shop\n", "not readable as TOML"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert expected in mistake(tmp_path, text)


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(ConfigError, match=r"KPI_PARTITIONS: expected a whole number.*got 'many'"):
        load(environ={"KPI_PARTITIONS": "many"})
    settings = load(environ={"KPI_BOOTSTRAP_SERVER": "x:1"})
    assert settings.warnings == (
        "KPI_BOOTSTRAP_SERVER is no setting and is ignored; did you mean KPI_BOOTSTRAP_SERVERS?",
    )


def test_security_becomes_the_clients_options(tmp_path: Path) -> None:
    text = (
        '[kafka]\nsecurity_protocol = "SASL_SSL"\nsasl_username = "u"\nsasl_mechanism = "PLAIN"\n'
    )
    options = told(tmp_path, text, KPI_SASL_PASSWORD="p").kafka_options
    assert options["sasl_plain_password"] == "p"
    assert options["ssl_context"].check_hostname
    missing = told(tmp_path, '[kafka]\nsecurity_protocol = "SSL"\ncafile = "/none.pem"\n')
    with pytest.raises(ConfigError, match="cafile"):
        _ = missing.kafka_options


def test_a_topic_that_is_switched_off_is_named_nowhere(tmp_path: Path) -> None:
    text = '[topics]\nproduction = false\n[kafka]\ntopics = { orders = "shop.orders" }\n'
    settings = told(tmp_path, text, KPI_TOPICS_PROJECTS="false")
    assert "production" not in settings.topics
    assert "projects" not in settings.topics
    assert settings.topics["orders"] == "shop.orders"
    assert len(settings.topics) == len(EVENTS) - 2
    assert set(Names.of(settings).inputs) == {*settings.topics, "forwarded"}
    assert set(producer_options(settings).used) == set(settings.topics)
    off = "".join(f"{topic} = false\n" for topic in EVENTS)
    assert "[topics] expected at least one that is on" in mistake(tmp_path, f"[topics]\n{off}")
    assert "did you mean production?" in mistake(tmp_path, "[topics]\nproductions = false\n")


def test_the_place_in_a_topic_that_was_switched_off_is_not_committed() -> None:
    settings = Settings(used=Topics(production=False))
    writer = Writer.__new__(Writer)  # opening one needs a broker
    writer.partition, writer._names = 3, Names.of(settings)
    cut = Cut([], [], [], [], {"orders": 7, "production": 5}, b"")
    assert list(writer._offsets(cut)) == [TopicPartition("orders", 3)]
