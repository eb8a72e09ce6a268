"""Brings a Grafana into line with the committed dashboards: read everything, say what differs, write only that.

The flow: `wanted` (what is committed) -> `plan` (what Grafana has, compared by `compare`) -> `mend` (the writes).
`grafana` is the port to a Grafana, `client` the one adapter behind it, `errors` what a person is told.
"""
