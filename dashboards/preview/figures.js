// Figures as Grafana reads them: fields with their settings, and each value as a text and a colour.
"use strict";

// Grafana's colour names in this wall's shades; hexadecimal colours pass.
const COLOURS = {
  green: "#3f9c5a",
  yellow: "#f2cc0c",
  red: "#d8413c",
  blue: "#4e8fd0",
  orange: "#ff9830",
  purple: "#b877d9",
  gray: "#8a8f98",
  grey: "#8a8f98",
  white: "#ffffff",
  black: "#000000",
  text: "#e8edf3",
  transparent: "transparent",
};
const PALETTE = ["#5fb374", "#f2cc0c", "#5b9bd9", "#ff9830", "#f2635e", "#b877d9", "#4bc0c8", "#d9a577"];
const colour = (name) => COLOURS[(name ?? "text").replace(/^(super-light|semi-dark|light|dark)-/, "")] ?? name;

function dark(background) {
  const [r, g, b] = background.match(/[0-9a-f]{2}/gi)?.map((part) => parseInt(part, 16)) ?? [0, 0, 0];
  return r * 0.299 + g * 0.587 + b * 0.114 > 180;
}

function matches(matcher, field) {
  switch (matcher.id) {
    case "byName":
      return matcher.options === field.name;
    case "byNames":
      return matcher.options.names.includes(field.name);
    case "byRegexp":
      return pattern(matcher.options).test(field.name);
    case "byType":
      return matcher.options === field.type;
    default:
      return false;
  }
}

function pattern(written) {
  const [, body, flags] = written.match(/^\/(.*)\/([a-z]*)$/s) ?? [null, `^${written}$`, ""];
  return new RegExp(body, flags);
}

function configured(panel, field) {
  const config = structuredClone(panel.fieldConfig?.defaults ?? {});
  config.custom ??= {};
  for (const override of panel.fieldConfig?.overrides ?? []) {
    if (!matches(override.matcher, field)) continue;
    for (const { id, value } of override.properties) {
      const path = id.split("."),
        last = path.pop();
      let at = config;
      for (const step of path) at = at[step] ??= {};
      at[last] = value;
    }
  }
  return config;
}

const TRANSFORMED = {
  filterByValue(frame, { filters, match, type }) {
    const tests = {
      equal: (a, b) => String(a) === String(b),
      notEqual: (a, b) => String(a) !== String(b),
      greater: (a, b) => a > b,
      lower: (a, b) => a < b,
      isNull: (a) => a === null,
      isNotNull: (a) => a !== null,
    };
    const fits = (row) => {
      const found = filters.map((filter) =>
        tests[filter.config.id](
          row[frame.columns.findIndex(([name]) => name === filter.fieldName)],
          filter.config.options?.value,
        ),
      );
      return (match === "any" ? found.some(Boolean) : found.every(Boolean)) === (type !== "exclude");
    };
    return { columns: frame.columns, rows: frame.rows.filter(fits) };
  },
  organize(frame, { excludeByName = {}, indexByName = {}, renameByName = {} }) {
    const order = frame.columns.map((_, at) => at).filter((at) => !excludeByName[frame.columns[at][0]]);
    order.sort((a, b) => (indexByName[frame.columns[a][0]] ?? a) - (indexByName[frame.columns[b][0]] ?? b));
    return {
      columns: order.map((at) => [renameByName[frame.columns[at][0]] || frame.columns[at][0], frame.columns[at][1]]),
      rows: frame.rows.map((row) => order.map((at) => row[at])),
    };
  },
};

function fieldsOf(panel, frames) {
  return frames.flatMap((frame) => {
    for (const { id, options, disabled } of panel.transformations ?? []) {
      if (disabled) continue;
      if (!TRANSFORMED[id]) throw new Error(`transformation ${id}`);
      frame = TRANSFORMED[id](frame, options);
    }
    return frame.columns.map(([name, type], at) => {
      const field = { name, type, values: frame.rows.map((row) => row[at]) };
      field.config = configured(panel, field);
      field.title = (field.config.displayName ?? "").replace(/\$\{__(field|series)\.name\}/g, name) || name;
      return field;
    });
  });
}

function number(value, decimals) {
  const size = Math.abs(value);
  const digits = decimals ?? (Number.isInteger(value) || size >= 100 ? 0 : size >= 10 ? 1 : 2);
  const least = decimals === undefined || decimals === null ? 0 : digits;
  return value.toLocaleString(locale(), { minimumFractionDigits: least, maximumFractionDigits: digits });
}

// A time in its largest unit that leaves at least one of it.
function spell(seconds, decimals) {
  const units = text().units,
    size = Math.abs(seconds);
  if (size < 1 && size > 0) return `${number(seconds * 1000, decimals ?? 0)} ms`;
  for (const [unit, length] of [
    ["d", 86400],
    ["h", 3600],
    ["m", 60],
  ])
    if (size >= length) return `${number(seconds / length, decimals ?? 1)} ${units[unit]}`;
  return `${number(seconds, decimals)} ${units.s}`;
}

const SPELT = { s: 1, ms: 0.001, m: 60, h: 3600, d: 86400, dtdurations: 1 };

function formatted(value, { unit = "", decimals }) {
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "number") return String(value);
  if (unit.startsWith("suffix:")) return `${number(value, decimals)} ${unit.slice(7)}`;
  if (unit.startsWith("prefix:")) return `${unit.slice(7)}${number(value, decimals)}`;
  if (unit.startsWith("dateTime") || unit.startsWith("time:")) return dated(value, unit);
  if (unit in SPELT) return spell(value * SPELT[unit], decimals);
  if (unit === "percent") return `${number(value, decimals)}%`;
  if (unit === "percentunit") return `${number(value * 100, decimals)}%`;
  return number(value, decimals);
}

function clock(at, options) {
  return new Intl.DateTimeFormat(locale(), { timeZone: shown?.zone, hourCycle: "h23", ...options })
    .format(at)
    .replaceAll(".", ":");
}

// Hour and minute, and the day where it is not today.
function moment(ms) {
  const at = new Date(ms),
    day = { day: "2-digit", month: "2-digit", year: "numeric" };
  const time = clock(at, { hour: "2-digit", minute: "2-digit" });
  return clock(at, day) === clock(new Date(), day) ? time : `${clock(at, { day: "2-digit", month: "short" })} ${time}`;
}

// A unit such as `time:DD-MM-YYYY` asks for the day alone.
function dated(ms, unit = "") {
  if (unit.startsWith("time:") && !/[Hh]/.test(unit))
    return clock(new Date(ms), { day: "2-digit", month: "short", year: "numeric" });
  return moment(ms);
}

function threshold(value, config) {
  const steps = config.thresholds?.steps ?? [];
  const low = config.min ?? 0,
    high = config.max ?? 100;
  const level = config.thresholds?.mode === "percentage" ? ((value - low) / (high - low)) * 100 : value;
  return colour(
    steps.findLast((step) => step.value === null || step.value === undefined || level >= step.value)?.color,
  );
}

function mapped(value, mappings = []) {
  for (const { type, options } of mappings) {
    if (type === "value" && value !== null && Object.hasOwn(options, String(value))) return options[String(value)];
    if (
      type === "special" &&
      {
        null: value === null,
        "null+nan": value === null,
        true: value === true,
        false: value === false,
        empty: value === "",
      }[options.match]
    )
      return options.result;
    if (
      type === "range" &&
      typeof value === "number" &&
      value >= (options.from ?? -Infinity) &&
      value <= (options.to ?? Infinity)
    )
      return options.result;
    if (type === "regex" && value !== null && pattern(options.pattern).test(String(value))) {
      const found = options.result.text;
      return { ...options.result, text: found && String(value).replace(pattern(options.pattern), found) };
    }
  }
  return null;
}

// What is shown for one value: its text, its colour, and whether that colour is a judgement of this very value.
function display(field, value) {
  const { config } = field,
    mapping = mapped(value, config.mappings);
  const absent = value === null || value === undefined;
  const written =
    mapping?.text ??
    (absent ? (config.noValue ?? "–") : field.type === "time" ? dated(value, config.unit) : formatted(value, config));
  if (mapping?.color) return { text: written, colour: colour(mapping.color) };
  if (absent) return { text: written, colour: colour("gray") };
  const mode = config.color?.mode ?? "thresholds";
  if (mode === "fixed") return { text: written, colour: colour(config.color.fixedColor) };
  if (mode.startsWith("palette")) return { text: written, colour: PALETTE[0] };
  return { text: written, colour: threshold(typeof value === "number" ? value : -Infinity, config) };
}

const some = (values) => values.filter((value) => value !== null);
const REDUCED = {
  lastNotNull: (values) => values.findLast((value) => value !== null) ?? null,
  firstNotNull: (values) => values.find((value) => value !== null) ?? null,
  last: (values) => values.at(-1) ?? null,
  first: (values) => values[0] ?? null,
  sum: (values) => values.reduce((a, b) => a + b, 0),
  mean: (values) => (some(values).length ? REDUCED.sum(values) / some(values).length : null),
  max: (values) => (some(values).length ? Math.max(...some(values)) : null),
  min: (values) => (some(values).length ? Math.min(...some(values)) : null),
  count: (values) => values.length,
};

// The values that a stat, gauge or bar gauge shows: one a row, or one a field.
function reduced(panel, fields) {
  const { values, calcs, fields: wanted, limit } = panel.options?.reduceOptions ?? {};
  const chosen = fields.filter(
    (field) =>
      !field.config.custom.hidden &&
      (wanted ? pattern(wanted).test(field.title) || pattern(wanted).test(field.name) : field.type === "number"),
  );
  const shown = (field, title, value) => {
    const look = display(field, value);
    return { field, title, value, text: look.text, tint: look.colour };
  };
  if (values) {
    const length = Math.max(0, ...chosen.map((field) => field.values.length));
    const rows = [...Array(Math.min(length, limit ?? 25)).keys()];
    return rows.flatMap((row) =>
      chosen.map((field) => {
        const names = fields
          .filter((other) => other !== field && other.type === "string")
          .map((other) => display(other, other.values[row]).text);
        if (!names.length || chosen.length > 1) names.push(field.title);
        return shown(field, names.join(" "), field.values[row]);
      }),
    );
  }
  const reduce = REDUCED[calcs?.[0] ?? "lastNotNull"] ?? REDUCED.lastNotNull;
  return chosen.map((field) => shown(field, field.title, reduce(field.values)));
}
