"""The same as mathison_data for asyncio: `db`, and below it the same queries to be awaited."""

from __future__ import annotations

from mathison_data.aio.database import db

__all__ = ["db"]
