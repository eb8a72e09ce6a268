-- name: session
SELECT set_config('default_transaction_read_only', 'on', false), set_config('statement_timeout', '15s', false)

-- name: city
SELECT name, timezone FROM wall.city

-- name: hub
SELECT pulse_at, waiting_since FROM wall.hub
