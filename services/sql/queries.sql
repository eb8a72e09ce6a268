-- name: lock
-- Two starts at once: the second waits and finds nothing to do. Ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('warroom.migrate', 0))

-- name: create_table
CREATE TABLE IF NOT EXISTS public.warroom_migration (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: applied
SELECT name, checksum FROM public.warroom_migration

-- name: record
INSERT INTO public.warroom_migration (name, checksum) VALUES (%s, %s)

-- name: measure
INSERT INTO hub.measure AS m (kind, role, name, waiting, terminal, serves) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (kind, role, name) DO UPDATE
SET waiting = excluded.waiting, terminal = excluded.terminal, serves = excluded.serves
WHERE (m.waiting, m.terminal, m.serves) <> (excluded.waiting, excluded.terminal, excluded.serves)

-- name: kind
INSERT INTO hub.kind (kind, health, expires) VALUES (%s, %s, %s)
ON CONFLICT (kind) DO UPDATE SET health = excluded.health, expires = excluded.expires
