"""Panels that are built from the catalogue: one for each KPI, with its title, unit, thresholds, target and source."""

from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig
from grafana_foundation_sdk.models.common import GraphThresholdsStyleMode

from dashboards import look
from dashboards.look import GREY
from dashboards.panels import Column, lines
from dashboards.screen import Folded, Screen
from dashboards.words import UNITS, Words
from opd_schemas.kpi import Kpi, number


def of_kind(screen: Screen, kind: str) -> list[Folded]:
    """Every KPI about a kind, over time, against its target and thresholds."""
    return [_panel(screen, kpi) for kpi in screen.catalogue.kpis if kpi.filter.kind == kind]


def _panel(screen: Screen, kpi: Kpi) -> Folded:
    panel = (
        lines(unit=look.unit(kpi.unit, screen.lang), decimals=0, legend=True)
        .thresholds(look.thresholds(kpi))
        .thresholds_style(GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    )
    columns = (
        Column("value", Words("Nilai", "Value")),
        Column("target", Words("Target", "Target"), colour=GREY, dashed=True),
    )
    title = Words(kpi.name.id, kpi.name.en)
    return panel, title, _about(kpi), screen.sql("ledger.series", as_table=False, kpi=kpi.kpi), columns


def _about(kpi: Kpi) -> Words:
    """Whose it is, what was promised, and by what right."""
    programme, final, unit = kpi.programme.name, kpi.targets[-1], UNITS[kpi.unit]
    value = number(final.value)
    return Words(
        f"Quick win {programme.id}. Penanggung jawab: {kpi.programme.owner} ({kpi.owner}). "
        f"Target {value} {unit.id} pada {final.by}. Dasar: {kpi.source.text}",
        f"Quick win {programme.en}. Owner: {kpi.programme.owner} ({kpi.owner}). "
        f"Target {value} {unit.en} by {final.by}. Source: {kpi.source.text}",
    )
