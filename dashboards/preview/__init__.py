"""The wall preview: draws the committed Grafana dashboards, with the same SQL, for development, tests and demo."""
