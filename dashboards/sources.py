"""Where panels get their rows: the hub's TimescaleDB, or the answer that another panel of the dashboard has already."""

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig
from grafana_foundation_sdk.models.datasource import Dataquery as SharedAnswer

TIMESCALEDB = DataSourceRef("grafana-postgresql-datasource", "warroom-timescaledb")
DASHBOARD = DataSourceRef("datasource", "-- Dashboard --")


class Sql(Dataquery):
    """A query in SQL, which the foundation SDK has no class for; `as_table` False gives a time series."""

    def __init__(self, sql: str, *, as_table: bool = True) -> None:
        self.sql = sql
        self.as_table = as_table

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": TIMESCALEDB,
            "editorMode": "code",
            "format": "table" if self.as_table else "time_series",
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": "A",
        }


def shared(panel: int) -> Dataquery:
    """The answer of another panel, by its id, before that panel's own transformations."""
    return SharedAnswer(panel_id=panel, ref_id="A", datasource=DASHBOARD)


def rows_where(column: str, value: str, *, drop: tuple[str, ...]) -> list[DataTransformerConfig]:
    """Only rows with that value, and without the columns of `drop`."""
    equal = {"fieldName": column, "config": {"id": "equal", "options": {"value": value}}}
    return [
        DataTransformerConfig("filterByValue", options={"filters": [equal], "match": "all", "type": "include"}),
        DataTransformerConfig(
            "organize", options={"excludeByName": dict.fromkeys(drop, True), "indexByName": {}, "renameByName": {}}
        ),
    ]
