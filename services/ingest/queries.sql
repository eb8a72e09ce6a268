-- name: newest_catalogue
SELECT version, document FROM hub.catalogue ORDER BY version DESC LIMIT 1
