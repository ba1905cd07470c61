"""Whether an intake that is set up answers, and can write."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

from streams.address import is_here, url_of
from streams.doctor.findings import NOTE, Finding, ok
from streams.servers import Intake
from streams.settings import Settings

_PATIENCE_S = 10


def intake(settings: Settings) -> Iterator[Finding]:
    """Nothing, when the shop has no tokens and so no intake."""
    told = settings.intake
    if not told.tokens:
        return
    if not is_here(told.host) and not told.certfile:
        yield Finding(
            NOTE,
            f"the intake listens on {told.host} without HTTPS: tokens go over the network in clear",
            "set [intake] certfile and keyfile, or keep it behind a proxy that speaks HTTPS",
        )
    url = url_of(told.host, told.port, "https" if told.certfile else "http")
    try:
        with urllib.request.urlopen(  # noqa: S310 - from the settings
            f"{url}/readyz", timeout=_PATIENCE_S, context=_own(told)
        ):
            yield ok(f"the intake at {url} takes events")
    except urllib.error.HTTPError as error:
        yield Finding(NOTE, f"the intake at {url} can't take events: {_reason(error)}", "wait")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        yield Finding(NOTE, f"no intake answers at {url} ({reason})", "start one: kpi intake")


def _own(told: Intake) -> ssl.SSLContext | None:
    """Trusts the intake's own certificate, whatever name it bears: we know where it listens."""
    if not told.certfile:
        return None
    context = ssl.create_default_context(cafile=told.certfile)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["reason"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
