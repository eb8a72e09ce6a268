"""Grafana dashboards as code: one source for Grafana itself and for the wall preview."""
