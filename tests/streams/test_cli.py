"""The command `kpi`: help that teaches, answers, and errors without tracebacks."""

from __future__ import annotations

import csv
import io
import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kpi_windows.catalogue import CATALOGUE
from streams.cli import main
from streams.cli.base import COMMANDS
from streams.explain import in_words
from tests.kafka.broker import free_ports
from tests.streams.visible import NOON_MS, page, served, small_shop, whole_of, write_lines

SHOWN = [name for name, does in COMMANDS.items() if does]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def kpi(*args: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)


@pytest.mark.parametrize("name", [*SHOWN, "reference", "version"])
def test_every_command_has_help_that_teaches(name: str) -> None:
    told = kpi(name, "--help")
    assert told.exit_code == 0
    assert "--help" in told.output
    if name not in ("version", "reference"):
        assert f"kpi {name}" in told.output.split("Examples:")[1], "an example of its own"


def test_help_lists_all_commands() -> None:
    told = kpi("--help").output
    for name in SHOWN:
        assert f"  {name} " in told
    assert "reference" not in told


def test_version_names_what_it_stands_on() -> None:
    told = kpi("version")
    assert "faust-streaming 0.15" in told.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["comptue"], "did you mean compute?"),
        (["compute", "none.jsonl", "--kpi", "visits"], "does not exist"),
        (["compute", "-"], "expected --kpi, or --goals"),
        (["query"], "expected a KPI, or --goals"),
        (["query", "visits", "--window", "2h"], "'2h' is not one of"),
        (["query", "visits", "--from", "soon"], "expected a time as"),
        (["query", "visits", "--to", "2026-01-01"], "--to needs --from"),
        (["query", "visits", "--at", "now", "--from", "now-1d"], "--at goes without"),
        (["query", "visits", "--where", "device"], "--where: expected label=value"),
        (["simulate"], "how long?"),
        (["simulate", "--hours", "1", "--late", "7"], "expected a share of 0..1"),
        (["simulate", "--hours", "1", "--mended", "5m"], "--mended needs --breaks"),
        (["simulate", "--hours", "1", "--breaks", "5m", "--mended", "2m"], "must be later"),
        (["feed", "-", "--topic", "clicks"], "is not one of"),
    ],
)
def test_called_wrongly_it_says_how_and_exits_with_2(args: list[str], words: str) -> None:
    told = kpi(*args)
    assert told.exit_code == 2
    assert words in told.output
    assert "Traceback" not in told.output


def test_what_fails_exits_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    (tmp_path / "e.jsonl").write_text(json.dumps(page("a", NOON_MS)) + "\n")
    for args, words in (
        (["query", "visits", "--url", f"http://{nobody}"], "no exporter answers at http://127"),
        (["query", "visits", "--url", nobody], "expected http://"),
        (["compute", "e.jsonl", "--kpi", "visitz"], "no KPI 'visitz'; did you mean"),
        (["compute", "e.jsonl", "--kpi", "visits", "--by", "team"], "not broken down by team"),
        (["kpis", "visitz"], "did you mean 'visits'?"),
        (["kpis", "Kosten van verkochte"], "did you mean 'Kosten van verkochte goederen'?"),
        (["topics", "--bootstrap-servers", nobody], "No Kafka broker answers at"),
        (["feed", "e.jsonl", "--bootstrap-servers", nobody], "no broker answers at"),
        (["worker", "--config", "none.toml"], "there is no such file"),
    ):
        told = kpi(*args)
        assert told.exit_code == 1, told.output
        assert words in told.output
        assert "Traceback" not in told.output
        assert "Error: " in told.output


def test_an_exporter_whose_port_is_taken_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = kpi("exporter", "--port", str(port))
    assert told.exit_code == 1
    assert told.output == (
        f"Error: port {port} on 127.0.0.1 is taken: stop what listens there, or choose another by "
        "--port (0 takes any free one)\n"
    )


def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("[shop]\n\nzoen = 'UTC'\n")
    told = kpi("topics")
    assert told.exit_code == 1
    assert "Error: shop.toml:3: [shop] zoen: no such setting; did you mean zone?" in told.output


def test_compute_answers_from_files(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "e.jsonl", small_shop())
    told = kpi(
        "compute", file, "--kpi", "visits", "--kpi", "conversion_rate", "--from", "2025-12-31",
        "--to", "2026-01-02", "--format", "json",
    )  # fmt: skip
    assert told.exit_code == 0
    answers = json.loads(told.stdout)
    assert [(each["kpi"], each["value"]) for each in answers] == [
        ("visits", 1),
        ("visits", 4),
        ("conversion_rate", 0),
        ("conversion_rate", 0.25),
    ]
    for each in answers:
        assert {
            "kpi", "window", "start", "end", "labels", "value", "numerator", "denominator"
        } <= each.keys()  # fmt: skip


def test_compute_reads_standard_input_and_writes_csv() -> None:
    lines = "".join(json.dumps(event) + "\n" for event in small_shop()).encode()
    told = kpi(
        "compute", "-", "--kpi", "visits", "--by", "source,device", "--format", "csv", stdin=lines
    )
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert {(row["source"], row["device"], row["value"]) for row in rows} == {
        ("google", "mobile", "1.0"),
        ("google", "desktop", "1.0"),
        ("bing", "desktop", "1.0"),
        ("direct", "mobile", "1.0"),
    }


def test_compute_reports_lines_that_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text(json.dumps(page("a", NOON_MS)) + "\nnonsense\n")
    told = kpi("compute", "e.jsonl", "--kpi", "visits")
    assert told.exit_code == 0
    assert "e.jsonl:2: rejected: not an event" in told.stderr
    assert told.stdout.splitlines()[1].split()[-1] == "1"


def test_compute_takes_the_shops_definitions(tmp_path: Path) -> None:
    write_lines(tmp_path / "e.jsonl", small_shop())
    (tmp_path / "mine.toml").write_text('[shop]\nzone = "Asia/Tokyo"\nvisit_gap = "30s"\n')
    told = kpi("compute", "e.jsonl", "--config", "mine.toml", "--kpi", "visits", "--format", "json")
    (answer,) = json.loads(told.stdout)
    assert answer["start"] == "2026-01-01T00:00:00+09:00"
    assert answer["value"] == 6, "with a gap of 30 s each of the six is a visit"


def test_query_asks_a_running_exporter_the_same_question(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    question = ["--window", "hour", "--from", "2026-01-01", "--by", "source", "--format", "json"]
    with served(whole) as url:
        asked = kpi("query", "Websiteverkeer", *question, "--url", url)
        wrong = kpi("query", "visits", "--by", "team", "--url", url)
        table = kpi("query", "visits", "--url", url)
    offline = kpi("compute", tmp_path / "events.jsonl", "--kpi", "visits", *question)
    assert json.loads(asked.stdout) == json.loads(offline.stdout) != []
    assert wrong.exit_code == 1
    assert "not broken down by team" in wrong.output
    assert table.stdout.splitlines()[0].split() == ["window", "start", "end", "value"]


def test_kpis_are_listed_and_explained() -> None:
    assert "bounce_rate" in kpi("kpis").output
    told = kpi("kpis", "Conversieratio").output
    for line in (
        "Conversion rate (conversion_rate)",
        "  unit       0..1; better: higher",
        "  meaning    visits with an order / visits",
        "  formula    visit.converted / visit.visits",
        "  by         source, medium, campaign, device, visitor; or page; or category",
        "             by page: page.converted / page.visits",
        "  metric     kpi_conversion_rate_ratio",
        "  topics     clickstream, carts, orders",
        "  alternative definitions, by --definition:",
        "    buyers",
        "      formula    visitor.buyers / visitor.seen",
        "      metric     kpi_conversion_rate_buyers_ratio",
    ):
        assert f"\n{line}\n" in f"\n{told}", line
    assert "note       The order counts at the start of its visit." in told
    asked = json.loads(kpi("kpis", "visits", "--format", "json").output)
    assert asked["id"] == "visits"
    assert asked["topics"] == ["clickstream", "carts", "orders"]


def test_every_kpi_says_all_that_one_asks_about_it() -> None:
    told = json.loads(kpi("kpis", "--format", "json").output)
    assert {each["id"] for each in told} >= set(CATALOGUE)
    for each in told:
        assert each["topics"], each["id"]
        assert each["events"], each["id"]
        assert all(reading["topics"] for reading in each["definitions"].values()), each["id"]
    for each in CATALOGUE.values():
        lines = list(in_words(each, 80))
        # only a formula without blanks may be wider
        assert all(len(line) <= 80 or " " not in line.strip() for line in lines), each.id
        named = {line.split()[0] for line in lines[1:] if line.startswith("  ")}
        wanted = {"also", "unit", "meaning", "formula", "by", "windows", "metric", "topics"}
        assert wanted | {"events"} <= named, each.id
        for name in {**each.definitions, **each.beside}:
            assert f"    {name}" in lines
            assert any(line.endswith(each.metric(name)) for line in lines)


def test_simulate_prints_what_compute_reads(tmp_path: Path) -> None:
    told = kpi(
        "simulate", "--hours", "1", "--start", "2026-01-01", "--seed", "7", "--truth", "t.json"
    )
    assert told.exit_code == 0
    assert "messages sent" in told.stderr
    assert (
        told.stdout
        == kpi("simulate", "--hours", "1", "--start", "2026-01-01", "--seed", "7").stdout
    )
    (tmp_path / "e.jsonl").write_text(told.stdout)
    answer = kpi("compute", "e.jsonl", "--kpi", "visits", "--format", "json")
    assert json.loads(answer.stdout)[0]["value"] > 0
    assert json.loads((tmp_path / "t.json").read_text())


def test_reference_check_fails_when_a_page_is_out_of_date(tmp_path: Path) -> None:
    assert kpi("reference", "--check", "--folder", tmp_path).exit_code == 1
    assert kpi("reference", "--folder", tmp_path).exit_code == 0
    assert kpi("reference", "--check", "--folder", tmp_path).exit_code == 0
    (tmp_path / "reference" / "settings.md").write_text("old")
    assert "settings.md" in kpi("reference", "--check", "--folder", tmp_path).output


def test_debug_shows_where_an_error_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("streams.explain.in_words", broken)
    plain = kpi("kpis", "visits")
    assert plain.exit_code == 1
    assert "RuntimeError: boom (--debug shows where)" in plain.output
    assert "Traceback" not in plain.output
    assert "Traceback" in kpi("kpis", "visits", "--debug").output


def test_doctor_without_a_broker_says_what_to_do() -> None:
    told = kpi(
        "doctor", "--bootstrap-servers", f"127.0.0.1:{free_ports(1)[0]}", "--url",
        f"http://127.0.0.1:{free_ports(1)[0]}",
    )  # fmt: skip
    assert told.exit_code == 1
    assert "No Kafka broker answers" in told.output
    assert "kpi exporter" in told.output


HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "explain.md"


@pytest.mark.parametrize(
    "command",
    [
        line.removeprefix("$ ")
        for line in HOW_TO.read_text("utf-8").splitlines()
        if line.removeprefix("$ ").startswith("kpi explain")
    ],
)
def test_each_command_of_the_how_to_explains_something(tmp_path: Path, command: str) -> None:
    with served(whole_of(tmp_path, small_shop())[0]) as url:
        told = kpi(*command.split()[1:], "--url", url)
        assert told.exit_code == 0, told.output
        for line in ("value", "meaning", "formula", "events", "complete", "ripe", "ids"):
            assert f"\n  {line}  " in told.output
        assert ("Why it moved" in told.output) == ("--by" in command)


def test_explain_shows_a_value_what_is_behind_it_and_why_it_moved(tmp_path: Path) -> None:
    with served(whole_of(tmp_path, small_shop())[0]) as url:
        told = kpi("explain", "conversieratio", "--by", "device", "--url", url).output
        assert "value        0.250000 (ratio)" in told
        assert "6 accepted, 0 duplicate, 0 late, 0 rejected, 0 future, of clickstream" in told
        assert "complete     100.00%" in told
        assert "ripe         no: at 2026-01-02T00:30:00+00:00" in told
        assert "0 (2025-12-31T00:00:00+00:00 to 2025-12-31T12:01:00+00:00) -> 0.25" in told
        told = kpi("explain", "visits", "--by", "device", "--format", "json", "--url", url).output
        assert json.loads(told)["why"]["method"] == "difference"
        told = kpi("explain", "conversion_rate", "--at", "2025-12-25", "--url", url).output
        assert "none: the denominator is 0" in told
        assert "nothing was counted in this window" in told


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["vists"], "did you mean 'visits'?"),
        (["visits", "--window", "dya"], "did you mean 'day'?"),
        (["visits", "--by", "team"], "not broken down by team"),
        (["visits", "--at", "noon"], "expected a time as"),
    ],
)
def test_explain_names_what_was_meant(tmp_path: Path, args: list[str], words: str) -> None:
    with served(whole_of(tmp_path, small_shop())[0]) as url:
        told = kpi("explain", *args, "--url", url)
        assert told.exit_code != 0
        assert words in told.output
