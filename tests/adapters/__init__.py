"""Tests of what shops' software sends by itself."""
