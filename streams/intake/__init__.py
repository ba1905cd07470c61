"""What `kpi feed` and `kpi import` share: files to read, values in columns, sorting on disk, and
the place where a run that was cut off goes on.
"""

from __future__ import annotations
