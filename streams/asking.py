"""Asks a running exporter, with its token, and trusting the certificate that is told.

It must not know what is asked.
"""

from __future__ import annotations

import ssl
import urllib.request
from pathlib import Path
from typing import Any

from streams.settings import ConfigError, Settings


def opened(settings: Settings, url: str, path: str, timeout_s: float) -> Any:
    """The answer to GET, open; raises what urllib does, and ConfigError.

    A token isn't sent on to where an answer points.
    """
    asked = urllib.request.Request(url.rstrip("/") + path)  # noqa: S310 - the caller checks it
    told = settings.exporter
    token = told.token or next(iter(told.tokens), "")
    if token:
        asked.add_unredirected_header("Authorization", f"Bearer {token}")
    return urllib.request.urlopen(asked, timeout=timeout_s, context=_trust(settings))  # noqa: S310


def _trust(settings: Settings) -> ssl.SSLContext | None:
    """With our own certificate at hand, or an authority's: that; else what the system trusts."""
    told = settings.exporter
    file = told.cafile or told.certfile
    if not file:
        return None
    if not Path(file).is_file():
        raise ConfigError(f"[exporter] cafile: there is no file {file!r}")
    context = ssl.create_default_context(cafile=file)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
