"""What was applied, remembered by content: the table public.mathison_migration, readable with plain SQL."""

from __future__ import annotations

TABLE = "mathison_migration"

CREATE = f"""
CREATE TABLE IF NOT EXISTS public.{TABLE} (
  migration_id text PRIMARY KEY,
  checksum text,
  rollback_checksum text,
  applied_at timestamptz NOT NULL DEFAULT now(),
  applied_by text NOT NULL,
  duration_ms bigint,
  note text
)
"""
