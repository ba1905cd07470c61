"""Who may ask our servers: tokens, names, and what answers tell browsers."""

from __future__ import annotations

import asyncio
import base64
import hmac
import inspect
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner

from streams import guard
from streams.cli import main
from streams.config import load
from streams.exporter import _listen, exporter_app, worker_app
from streams.follower import Whole
from streams.generate.services import texts
from streams.servers import Worker
from streams.settings import ConfigError, Settings
from streams.site import serve
from tests.kafka.broker import free_ports

TOKEN, OTHER, METRICS = "a-token-of-the-test", "another-of-the-test", "only-for-metrics"
OPEN = ("/healthz", "/readyz")
CLOSED = ("/", "/metrics", "/api/v1/status", "/api/v1/page", "/page/page.js", "/nowhere")


@contextmanager
def listening(settings: Settings, watch: Any = None) -> Iterator[tuple[str, ...]]:
    """An exporter's sites in a loop of their own; their URLs."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> list[Any]:
        return await _listen(settings, exporter_app(Whole(settings), watch=watch))

    sites = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
    try:
        yield tuple(site.url for site in sites)
    finally:
        for site in sites:
            asyncio.run_coroutine_threadsafe(site.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    asked = urllib.request.Request(
        url, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as reply:
            return reply.status, dict(reply.headers), reply.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def bearer(token: str) -> str:
    return f"Bearer {token}"


def exporter(**told: str) -> Settings:
    given = {f"KPI_EXPORTER_{name.upper()}": value for name, value in told.items()}
    return load(environ={"KPI_EXPORTER_PORT": "0", **given})


def test_without_a_token_nothing_of_the_shop_is_told_and_probes_are_answered() -> None:
    with listening(exporter(tokens=f"{TOKEN},{OTHER}")) as (url,):
        for path in CLOSED:
            for headers in ({}, {"Authorization": bearer("wrong")}, {"Authorization": TOKEN}):
                status, told, body = get(url + path, **headers)
                assert status == 401, path
                assert told["WWW-Authenticate"].startswith("Basic ")
                assert TOKEN.encode() not in body
                assert b"wrong" not in body
        assert get(url + "/healthz")[0] == 200
        assert get(url + "/readyz")[0] == 503  # it reads no Kafka here
        for token in (TOKEN, OTHER):
            assert get(url + "/api/v1/status", Authorization=bearer(token))[0] == 200
            assert get(url + "/metrics", Authorization=bearer(token))[0] == 200


def test_a_browser_gives_the_token_as_a_password() -> None:
    with listening(exporter(tokens=TOKEN)) as (url,):
        for name, password, expected in (("me", TOKEN, 200), ("", TOKEN, 200), (TOKEN, "x", 401)):
            told = base64.b64encode(f"{name}:{password}".encode()).decode()
            assert get(url, Accept="text/html", Authorization=f"Basic {told}")[0] == expected
        for broken in ("Basic !!!", "Basic", "Basic " + base64.b64encode(b"\xff:\xff").decode()):
            assert get(url, Authorization=broken)[0] == 401


def test_metrics_have_a_token_of_their_own() -> None:
    with listening(exporter(tokens=TOKEN, metrics_tokens=METRICS)) as (url,):
        assert get(url + "/metrics", Authorization=bearer(METRICS))[0] == 200
        assert get(url + "/api/v1/status", Authorization=bearer(METRICS))[0] == 401
    with listening(exporter(metrics_tokens=METRICS)) as (url,):
        assert get(url + "/metrics")[0] == 401
        assert get(url + "/api/v1/status")[0] == 200


def test_metrics_have_a_port_of_their_own_and_are_nowhere_else() -> None:
    (port,) = free_ports(1)
    told = exporter(tokens=TOKEN, metrics_tokens=METRICS, metrics_port=str(port))
    with listening(told) as (url, metrics):
        assert metrics == f"http://127.0.0.1:{port}"
        assert get(url + "/metrics", Authorization=bearer(TOKEN))[0] == 404
        assert get(metrics + "/metrics", Authorization=bearer(METRICS))[0] == 200
        assert get(metrics + "/metrics", Authorization=bearer(TOKEN))[0] == 401
        assert get(metrics + "/metrics")[0] == 401
        for path in ("/", "/api/v1/status"):
            assert get(metrics + path, Authorization=bearer(METRICS))[0] in (401, 404)


def test_health_is_the_same_on_both_ports() -> None:
    (port,) = free_ports(1)
    watch = SimpleNamespace(trouble="")
    with listening(exporter(metrics_port=str(port)), watch) as urls:
        for trouble, status in (("", 200), ("stuck: it stands still", 503)):
            watch.trouble = trouble
            for url in urls:
                told, _, body = get(url + "/healthz")
                assert told == status, url
                assert body.decode() == f"{trouble or 'ok'}\n"


def test_who_listens_on_this_machine_only_isnt_asked_under_a_strangers_name() -> None:
    with listening(exporter()) as (url,):
        port = url.rpartition(":")[2]
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", "LOCALHOST", f"[::1]:{port}"):
            assert get(url + "/api/v1/status", Host=host)[0] == 200, host
        for host in (f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example"):
            status, _, body = get(url + "/metrics", Host=host)
            assert status == 421, host
            assert b"[exporter] hosts" in body
    with listening(exporter(hosts="kpi.example.com")) as (url,):
        assert get(url + "/metrics", Host="kpi.example.com")[0] == 200
        assert get(url + "/metrics", Host="evil.example")[0] == 421
    with listening(exporter(host="0.0.0.0")) as (url,):
        assert get(url + "/metrics", Host="any.name.example")[0] == 200


def test_every_answer_tells_browsers_what_they_may_do() -> None:
    with listening(exporter(tokens=TOKEN)) as (url,):
        for path in (*OPEN, *CLOSED):
            for token in (TOKEN, "wrong"):
                _, told, _ = get(url + path, Accept="text/html", Authorization=bearer(token))
                policy = told["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'self';"), path
                assert "unsafe" not in policy
                assert told["X-Content-Type-Options"] == "nosniff"
                assert told["Referrer-Policy"] == "no-referrer"


def test_tokens_are_compared_all_of_them_and_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def spied(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(guard.hmac, "compare_digest", spied)
    keys = guard.Keys([TOKEN, OTHER, METRICS])
    for told in (TOKEN, "wrong", ""):
        compared.clear()
        assert keys.let_in(bearer(told)) == (told == TOKEN)
        assert len(compared) == 3
        assert {len(each) for pair in compared for each in pair} == {32}, "digests, not tokens"
    assert "==" not in inspect.getsource(guard.Keys.let_in)
    assert TOKEN not in repr(vars(keys))


def test_a_worker_asks_for_its_tokens_too() -> None:
    shop_app = SimpleNamespace(watch=SimpleNamespace(trouble=""))
    app = worker_app(shop_app, Worker(tokens=(TOKEN,)))

    async def ask() -> list[int]:
        site = await serve(app, "127.0.0.1", 0)
        try:
            asked = [f"{site.url}/metrics", f"{site.url}/healthz"]
            return [(await asyncio.to_thread(get, each))[0] for each in asked]
        finally:
            await site.close()

    assert asyncio.run(ask()) == [401, 200]


# ---------------------------------------------------------------------------- HTTPS, and asking


def certificate(folder: Path) -> tuple[str, str]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ("-subj", "/CN=kpi", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names)
    subprocess.run(
        [*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True, timeout=60
    )
    return str(cert), str(key)


def kpi(environ: dict[str, str], *args: str) -> Any:
    return CliRunner(env={**environ, "KPI_CONFIG": None}).invoke(main, list(args))  # type: ignore[dict-item]


def test_kpi_query_asks_over_https_with_its_token(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    with listening(exporter(tokens=TOKEN, certfile=cert, keyfile=key)) as (url,):
        assert url.startswith("https://")
        with pytest.raises((urllib.error.URLError, ssl.SSLError)):
            urllib.request.urlopen(url + "/healthz", timeout=30)
        ask = ("query", "visits", "--url", url)
        told = kpi({"KPI_EXPORTER_TOKEN": TOKEN, "KPI_EXPORTER_CAFILE": cert}, *ask)
        assert "not ready" in told.output, told.output  # it was let in; there is no Kafka here
        told = kpi(
            {"KPI_EXPORTER_TOKEN": "wrong-but-long-enough", "KPI_EXPORTER_CAFILE": cert}, *ask
        )
        assert told.exit_code == 1
        assert "no such token" in told.output
        assert "wrong-but" not in told.output
        told = kpi({"KPI_EXPORTER_CAFILE": cert}, *ask)
        assert "this takes a token" in told.output
        assert "KPI_EXPORTER_TOKEN" in told.output
        told = kpi({"KPI_EXPORTER_TOKEN": TOKEN}, *ask)
        assert told.exit_code == 1
        assert "certificate" in told.output
    from streams.probe import well

    with listening(exporter(tokens=TOKEN, certfile=cert, keyfile=key)) as (url,):
        assert well(url + "/healthz")


def test_a_token_isnt_sent_on_to_where_an_answer_points() -> None:
    heard: list[str | None] = []
    points: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        return web.json_response({"goals": []})

    async def redirect(request: web.Request) -> web.Response:
        heard.append(request.headers.get("Authorization"))
        raise web.HTTPFound(points[0])

    async def ask() -> Any:
        other, first = web.Application(), web.Application()
        other.router.add_get("/", elsewhere)
        first.router.add_get("/api/v1/goals", redirect)
        there = await serve(other, "127.0.0.1", 0)
        points.append(there.url)
        site = await serve(first, "127.0.0.1", 0)
        try:
            asked = ("query", "--goals", "--url", site.url)
            return await asyncio.to_thread(kpi, {"KPI_EXPORTER_TOKEN": TOKEN}, *asked)
        finally:
            await site.close()
            await there.close()

    told = asyncio.run(ask())
    assert told.exit_code == 0, told.output
    assert heard == [bearer(TOKEN), None]


def test_half_a_certificate_and_a_short_token_are_refused_without_saying_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[exporter\] certfile, keyfile: expected both"):
        exporter(certfile="cert.pem")
    with pytest.raises(ConfigError, match=r"\[worker\] certfile, keyfile: expected both"):
        load(environ={"KPI_WORKER_KEYFILE": "key.pem"})
    with pytest.raises(ConfigError) as refused:
        exporter(tokens="sh0rt")
    assert "sh0rt" not in str(refused.value)
    (tmp_path / "shop.toml").write_text("[kafka]\nsasl_password = 271828\n")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "shop.toml", {})
    assert "271828" not in str(refused.value)


def test_prometheus_is_told_how_to_ask_and_no_secret() -> None:
    settings = exporter(
        tokens=TOKEN, metrics_tokens=METRICS, metrics_port="9470", certfile="c", keyfile="k"
    )
    text = dict(texts(settings))["grafana/prometheus/prometheus.yml"]
    job = next(j for j in yaml.safe_load(text)["scrape_configs"] if j["job_name"] == "kpi-exporter")
    assert job["scheme"] == "https"
    assert job["tls_config"] == {"ca_file": "/etc/prometheus/secrets/kpi-exporter-ca.pem"}
    assert job["authorization"] == {
        "credentials_file": "/etc/prometheus/secrets/kpi-exporter-token"
    }
    assert job["static_configs"] == [{"targets": ["exporter:9470"]}]
    made = json.dumps(dict(texts(settings)))
    assert TOKEN not in made
    assert METRICS not in made
