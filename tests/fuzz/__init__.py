"""Hostile input: targets that must take any bytes, tried by Hypothesis in tests and by a fuzzer."""

from __future__ import annotations
