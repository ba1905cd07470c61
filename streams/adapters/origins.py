"""Where somebody came from and by what: addresses and user agents as our labels.

It must not know vendors.  Campaign parameters are those of Google's URL builder
(https://support.google.com/analytics/answer/10917952).
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from streams.adapters.reading import LONGEST

Origin = dict[str, str]
"""`source`, `medium` and `campaign`, as far as they are known; empty: direct."""

_CLICK_IDS = {
    "gclid": ("google", "cpc"),
    "msclkid": ("bing", "cpc"),
    "ttclid": ("tiktok", "paid_social"),
}
"""Parameters that an ad network adds by itself when it has counted a click."""

_SEARCH = ("google", "bing", "duckduckgo", "yahoo", "ecosia", "baidu", "yandex", "startpage")
_SOCIAL = {
    "facebook.com": "facebook", "fb.com": "facebook", "instagram.com": "instagram",
    "pinterest": "pinterest", "t.co": "twitter", "twitter.com": "twitter", "x.com": "twitter",
    "tiktok.com": "tiktok", "youtube.com": "youtube", "linkedin.com": "linkedin",
    "lnkd.in": "linkedin", "reddit.com": "reddit", "threads.net": "threads",
}  # fmt: skip


def origin_of(landing: str | None, referrer: str | None = None, own_host: str = "") -> Origin:
    """What the landing page's parameters say, else what the referrer's host says.

    A referrer of the shop's own host (by default the landing page's) tells nothing.

    >>> origin_of("/sale?utm_source=newsletter&utm_medium=email&utm_campaign=weekly")
    {'source': 'newsletter', 'medium': 'email', 'campaign': 'weekly'}
    >>> origin_of("/", "https://www.google.nl/"), origin_of("/?gclid=1")
    ({'source': 'google', 'medium': 'organic'}, {'source': 'google', 'medium': 'cpc'})
    """
    parameters, landing_host = _parameters(landing)
    told = {name: parameters.get(f"utm_{name}") for name in ("source", "medium", "campaign")}
    origin = {name: value[:LONGEST] for name, value in told.items() if value}
    if origin.get("source"):
        return origin
    for name, (source, medium) in _CLICK_IDS.items():
        if name in parameters:
            return {"source": source, "medium": medium, **origin}
    return {**_by_referrer(referrer, own_host or landing_host), **origin}


def _parameters(address: str | None) -> tuple[dict[str, str], str]:
    try:
        parts = urlsplit(address or "")
        return {k: v[0].strip() for k, v in parse_qs(parts.query).items()}, parts.hostname or ""
    except ValueError:
        return {}, ""


def _by_referrer(referrer: str | None, own_host: str) -> Origin:
    host = _bare(_parameters(referrer)[1])
    if not host or host == _bare(own_host):
        return {}
    for name in _SEARCH:
        if f".{name}." in f".{host}.":
            return {"source": name, "medium": "organic"}
    for suffix, name in _SOCIAL.items():
        if f".{host}".endswith(f".{suffix}") or f".{suffix}." in f".{host}.":
            return {"source": name, "medium": "social"}
    return {"source": host[:LONGEST], "medium": "referral"}


def _bare(host: str) -> str:
    return host.lower().removeprefix("www.").removeprefix("m.")


_TABLET = re.compile(r"ipad|tablet|kindle|silk/|playbook", re.IGNORECASE)
_MOBILE = re.compile(r"mobi|iphone|ipod|windows phone", re.IGNORECASE)
_BOT = re.compile(r"bot\b|bot/|crawl|spider|slurp|headless|lighthouse|facebookexternalhit", re.I)


def device_of(user_agent: str | None) -> str | None:
    """`mobile`, `tablet` or `desktop`, by what a browser says of itself.

    >>> device_of("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit Chrome/130 Mobile Safari")
    'mobile'
    """
    if not user_agent:
        return None
    if _TABLET.search(user_agent):
        return "tablet"
    if _MOBILE.search(user_agent):
        return "mobile"
    return "tablet" if "Android" in user_agent else "desktop"


def is_bot(user_agent: str | None) -> bool:
    """Whether a machine says that it is one.

    >>> is_bot("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    True
    """
    return bool(user_agent and _BOT.search(user_agent))
