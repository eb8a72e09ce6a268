"""The panels that the dashboards are made of: one function for each form, with what all of its kind have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from grafana_foundation_sdk.builders import bargauge, geomap, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders import common as parts
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DynamicConfigValue,
    FieldColorModeId,
    FieldConfigSource,
    MatcherConfig,
    Panel,
    ValueMapping,
)
from grafana_foundation_sdk.models.geomap import TooltipMode
from grafana_foundation_sdk.models.text import TextMode

from dashboards.look import BLUE, GREY, instead_of_null, steps
from dashboards.words import Lang, Words, same

#: Sizes of a big screen, in pixels: read from four metres.
NAME_SIZE, VALUE_SIZE, HEADLINE_SIZE = 22, 26, 40
#: Of a table's column that has no width of its own, in pixels: Grafana takes 150 where nothing is said.
LEAST_WIDTH = 60


@dataclass(frozen=True)
class Column:
    """A column of an answer: its name in SQL, and how it is shown. A column that is not described is shown as it is."""

    name: str
    title: Words
    unit: str | None = None
    decimals: int | None = None
    width: int | None = None
    colour: str | None = None
    thresholds: ThresholdsConfig | None = None
    mappings: Sequence[ValueMapping] = ()
    filled: bool = False
    hidden: bool = False
    no_tip: bool = False
    dashed: bool = False


def describe(panel: Panel, columns: Sequence[Column], lang: Lang, *, empty: str) -> None:
    """Show the columns of a built panel as they are described, and `empty` where there is nothing to show."""
    panel.field_config = panel.field_config or FieldConfigSource()
    panel.field_config.defaults.no_value = empty
    for column in columns:
        if column.thresholds is not None and not column.mappings and panel.type_val != "table":
            # Grafana gives what has no value the colour of the lowest step, which may be green.
            column = replace(column, mappings=instead_of_null(empty, GREY))
        properties = [DynamicConfigValue(name, value) for name, value in _properties(column, column.title.of(lang))]
        panel.field_config.overrides.append(
            DashboardFieldConfigSourceOverrides(matcher=MatcherConfig("byName", column.name), properties=properties)
        )


def _properties(column: Column, title: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = [("displayName", title)]
    if column.unit is not None:
        found.append(("unit", column.unit))
    if column.decimals is not None:
        found.append(("decimals", column.decimals))
    if column.width is not None:
        found.append(("custom.width", column.width))
    if column.colour is not None:
        found.append(("color", {"mode": "fixed", "fixedColor": column.colour}))
    if column.thresholds is not None:
        found += [("thresholds", column.thresholds.build()), ("color", {"mode": "thresholds"})]
    if column.mappings:
        found.append(("mappings", list(column.mappings)))
    if column.filled:
        found.append(("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
    if column.hidden:
        # The older name of the setting, and the one since 12.2.
        found += [("custom.hidden", True), ("custom.hideFrom.viz", True)]
    if column.no_tip:
        found.append(("custom.hideFrom", {"tooltip": True, "viz": False, "legend": False}))
    if column.dashed:
        found += [("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}), ("custom.fillOpacity", 0)]
    return found


def heading(markdown: str) -> Builder[Panel]:
    """Large words without a frame."""
    return text.Panel().mode(TextMode.MARKDOWN).content(markdown).transparent(True)


def figures(*, value_size: int = 32, name_size: int = 15) -> Builder[Panel]:
    """One row of an answer, each of its numbers a tile with its name above, however wide it is."""
    return (
        stat.Panel()
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .orientation(common.VizOrientation.VERTICAL)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .wide_layout(False)
        .text(parts.VizTextDisplayOptions().title_size(name_size).value_size(value_size))
        .reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .thresholds(steps(first=BLUE))
    )


Names = Literal["above", "left", "none"]


def words(
    field: str,
    mappings: Sequence[ValueMapping],
    *,
    names: Names,
    name_size: int = NAME_SIZE,
    value_size: int,
    limit: int,
    across: bool = False,
) -> Builder[Panel]:
    """Each row of an answer a coloured tile: `field` in words, and the row's other text as its name.

    `across` puts the tiles side by side.
    """
    return (
        stat.Panel()
        .color_mode(common.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common.BigValueGraphMode.NONE)
        .text_mode(common.BigValueTextMode.VALUE if names == "none" else common.BigValueTextMode.VALUE_AND_NAME)
        .orientation(common.VizOrientation.VERTICAL if across else common.VizOrientation.HORIZONTAL)
        .justify_mode(common.BigValueJustifyMode.AUTO)
        .wide_layout(names == "left")
        .text(parts.VizTextDisplayOptions().title_size(name_size).value_size(value_size))
        .reduce_options(
            parts.ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^{field}$/").values(True).limit(limit)
        )
        .mappings(list(mappings))
        .thresholds(steps(first=BLUE))
    )


def lines(
    *, unit: str, decimals: int = 0, bars: bool = False, stacked: bool = False, legend: bool = True
) -> timeseries.Panel:
    """A figure over time. Bars are for one series or for a sum of several: Grafana draws them on top of one another."""
    return (
        timeseries.Panel()
        .unit(unit)
        .decimals(decimals)
        .min(0)
        .draw_style(common.GraphDrawStyle.BARS if bars else common.GraphDrawStyle.LINE)
        .line_width(1 if bars else 2)
        .fill_opacity(60 if bars else 10)
        .show_points(common.VisibilityMode.NEVER if bars else common.VisibilityMode.AUTO)
        .stacking(
            parts.StackingConfig().mode(common.StackingMode.NORMAL if stacked else common.StackingMode.NONE).group("A")
        )
        .legend(
            parts.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(legend)
            .calcs([])
        )
        .tooltip(parts.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    )


def rows() -> Builder[Panel]:
    """An answer as a table; where a value is missing, neither a word nor a colour.

    Columns without a width share what is left, and long words flow: nobody scrolls a wall sideways.
    """
    return (
        table.Panel()
        .show_header(True)
        .cell_height(common.TableCellHeight.SM)
        .min_width(LEAST_WIDTH)
        # Since Grafana 12.2; older ones do not know them and cut what is too long.
        .with_override(MatcherConfig("byType", "string"), [DynamicConfigValue("custom.wrapText", True)])
        .with_override(MatcherConfig("byRegexp", "/.*/"), [DynamicConfigValue("custom.wrapHeaderText", True)])
        .mappings(instead_of_null("–", "transparent"))
    )


def bars(*, unit: str, limit: int = 12) -> Builder[Panel]:
    """The number of each row as a bar, named by the row's text: a title for the number would name every bar."""
    return (
        bargauge.Panel()
        .unit(unit)
        .decimals(0)
        .min(0)
        .display_mode(common.BarGaugeDisplayMode.BASIC)
        .orientation(common.VizOrientation.HORIZONTAL)
        .value_mode(common.BarGaugeValueMode.TEXT)
        .show_unfilled(False)
        .reduce_options(parts.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(True).limit(limit))
        .thresholds(steps(first=BLUE))
    )


def timeline(mappings: Sequence[ValueMapping]) -> Builder[Panel]:
    """A code over time, as coloured stretches."""
    return (
        statetimeline.Panel()
        .mappings(list(mappings))
        .merge_values(True)
        .show_value(common.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .legend(
            parts.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
    )


def map_of(colour_by: str, layer: str) -> Builder[Panel]:
    """Rows with latitude and longitude as points, coloured by one of their numbers."""
    return (
        geomap.Panel()
        # `zoom` is how far it may go in to fit the points: 1, the default, is the whole world.
        .view(geomap.MapViewConfig().id("fit").all_layers(True).padding(20).zoom(14))
        .controls(
            geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(True).show_scale(False)
        )
        # Grafana's default takes CARTO's tiles, which have "API key required" printed across them.
        .basemap(parts.MapLayerOptions().type("osm-standard").name("Layer 0"))
        .layers(
            [
                parts.MapLayerOptions()
                .type("markers")
                .name(layer)
                .tooltip(True)
                .location(
                    parts.FrameGeometrySource()
                    .mode(common.FrameGeometrySourceMode.COORDS)
                    .latitude("latitude")
                    .longitude("longitude")
                )
                .config(
                    {
                        "showLegend": False,
                        "style": {
                            "color": {"field": colour_by, "fixed": BLUE},
                            "opacity": 0.85,
                            "size": {"fixed": 9, "min": 6, "max": 18},
                            "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
                        },
                    }
                )
            ]
        )
        .tooltip(geomap.TooltipOptions().mode(TooltipMode.DETAILS))
    )


def status_column(mappings: Sequence[ValueMapping], width: int = 120) -> Column:
    """The status of a KPI: a word on its colour."""
    return Column("status", same("Status"), mappings=mappings, filled=True, width=width)
