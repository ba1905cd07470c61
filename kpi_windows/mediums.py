"""The media that bring visitors, by the field's usual names.

It must not know visits.
"""

from __future__ import annotations

PAID, DISPLAY, DIRECT = "paid", "display", "direct"

AD_MEDIUMS = (PAID, DISPLAY)
"""What counts as digital advertising: clicks paid for in search and social media, and banners."""

_MEDIUMS = {
    "cpc": "paid", "ppc": "paid", "paid": "paid", "paid_search": "paid", "paidsearch": "paid",
    "paid_social": "paid", "display": "display", "banner": "display", "cpm": "display",
    "organic": "organic", "seo": "organic", "social": "social", "social-network": "social",
    "email": "email", "e-mail": "email", "newsletter": "email", "sms": "sms",
    "referral": "referral", "link": "referral", "affiliate": "affiliate", "affiliates": "affiliate",
    "direct": "direct", "(none)": "direct", "none": "direct",
}  # fmt: skip


def medium_of(source: str | None, medium: str | None) -> str:
    """The medium by the field's usual names: GA4's synonyms fold together, others stay as given.

    >>> medium_of("google", "CPC"), medium_of(None, None), medium_of("bing", None)
    ('paid', 'direct', 'referral')
    """
    if not medium:
        return "referral" if source else "direct"
    known = _MEDIUMS.get(medium)
    return known if known is not None else _MEDIUMS.get(medium.lower(), medium.lower())
