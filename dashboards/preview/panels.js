// Panels: each kind draws its fields into a box. Colours and texts of values come from figures.js.
"use strict";

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// How many columns give cells of about the shape of a number.
function columns(count, box, orientation) {
  if (orientation === "vertical" && box.clientWidth > 600) return count;
  if (orientation === "horizontal" && box.clientWidth > 600) return 1;
  const scores = [...Array(count).keys()].map((at) => {
    const across = at + 1,
      width = box.clientWidth / across,
      height = box.clientHeight / Math.ceil(count / across);
    return Math.min(width / 2.4, height);
  });
  return scores.indexOf(Math.max(...scores)) + 1;
}

function cells(panel, box, values, fill) {
  const grid = make("div", { className: "cells" });
  const longest = Math.max(0, ...values.filter(({ value }) => value !== null).map(({ text }) => text.length));
  const across = phone()
    ? Math.min(values.length, longest > 12 ? 1 : 2)
    : columns(values.length, box, panel.options?.orientation);
  grid.style.gridTemplateColumns = `repeat(${across}, minmax(0, 1fr))`;
  if (phone())
    box.parentElement.style.setProperty(
      "--tall",
      `${Math.ceil(values.length / across) * (TALL[panel.type] - 50) + 20}px`,
    );
  // One size for all of a panel, so that they stand in line.
  grid.style.setProperty("--n", Math.max(3, longest));
  grid.style.setProperty("--m", Math.max(4, ...values.map(({ title }) => title.length)));
  for (const one of values) {
    const cell = make("div", { className: "cell" });
    if (one.value === null) cell.style.setProperty("--n", Math.max(3, longest, one.text.length));
    fill(cell, one);
    grid.append(cell);
  }
  box.replaceChildren(grid);
}

function spark(field, stroke) {
  const points = field.values.map((value, at) => [at, value]).filter(([, value]) => value !== null);
  const low = Math.min(...points.map(([, value]) => value)),
    high = Math.max(...points.map(([, value]) => value));
  const line = points.map(
    ([at, value]) => `${(at / (field.values.length - 1)) * 100},${30 - ((value - low) / (high - low || 1)) * 28}`,
  );
  return draw(
    "svg",
    { class: "spark", viewBox: "0 0 100 30", preserveAspectRatio: "none" },
    draw("polyline", {
      points: line.join(" "),
      fill: "none",
      stroke,
      "stroke-width": 2,
      "vector-effect": "non-scaling-stroke",
    }),
  );
}

// Nobody scrolls a wall: smaller letters to some extent, then whole columns only, and rows page by page.
function fit(panel, box, scroll, table) {
  const edge = box.getBoundingClientRect(),
    rows = [...table.tBodies[0].rows],
    above = (row) => row.getBoundingClientRect().top,
    below = (row) => row.getBoundingClientRect().bottom;
  const isWide = () => table.scrollWidth > scroll.clientWidth + 1;
  scroll.style.overflow = "hidden";
  for (const size of [1, 0.9, 0.8, 0.74]) {
    table.style.fontSize = `${size}rem`;
    if (!isWide() && below(rows[0]) < edge.bottom) break;
  }
  const count = rows[0].cells.length;
  while ((isWide() || below(rows[0]) > edge.bottom) && rows[0].cells.length > 1)
    for (const row of table.rows) row.lastChild.remove();
  const columns = count - rows[0].cells.length,
    isLong = below(table) > edge.bottom;
  const turned = turning.get(turns(panel)) ?? 0;
  turning.delete(turns(panel));
  if (!isLong && !columns) return;
  // As wide as before: with fewer rows the letters would flow anew.
  const head = [...table.rows[0].cells],
    widths = head.map((cell) => cell.offsetWidth);
  table.style.tableLayout = "fixed";
  head.forEach((cell, at) => {
    cell.style.width = `${widths[at]}px`;
  });
  const room = edge.bottom - parseFloat(getComputedStyle(box).fontSize) * 1.2 - above(rows[0]),
    pages = [[]];
  for (const row of rows) {
    if (pages.at(-1).length && below(row) - above(pages.at(-1)[0]) > room) pages.push([]);
    pages.at(-1).push(row);
  }
  if (pages.length > 1) turning.set(turns(panel), turned);
  const page = pages[turned % pages.length],
    first = rows.indexOf(page[0]) + 1;
  for (const row of rows) if (!page.includes(row)) row.remove();
  const told = [
    pages.length > 1 && `${first}–${first + page.length - 1} ${text().of} ${rows.length}`,
    columns && `+ ${columns} ${text().columns}`,
  ].filter(Boolean);
  if (told.length) box.append(make("div", { className: "more", textContent: told.join(", ") }));
}

// Plotly takes some HTML in names.
const plain = (words) => words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const alone = (values, at) => values[at] !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null;

const PANELS = {
  stat(panel, box, fields) {
    const { textMode = "auto", colorMode = "value", graphMode } = panel.options ?? {},
      filled = colorMode.startsWith("background");
    const values = reduced(panel, fields),
      named = textMode === "value_and_name" || (textMode === "auto" && values.length > 1);
    if (!values.length) return nothing(panel, box);
    if (textMode === "name") for (const one of values) one.text = one.title;
    return cells(panel, box, values, (cell, { field, title, text, tint }) => {
      const main = make("b", { textContent: text });
      cell.classList.toggle("named", named);
      cell.classList.toggle("filled", filled);
      cell.classList.toggle("dark", filled && dark(tint));
      if (filled) cell.style.background = tint;
      else if (colorMode === "value") main.style.color = tint;
      cell.append(make("div", {}, named && title ? make("span", { textContent: title }) : null, main));
      if (graphMode === "area" && field.values.length > 2 && fields.some((other) => other.type === "time"))
        cell.append(spark(field, filled ? "#fff" : tint));
    });
  },

  gauge(panel, box, fields) {
    const values = reduced(panel, fields);
    if (!values.length) return nothing(panel, box);
    return cells(panel, box, values, (cell, { field, title, value, text, tint }) => {
      const { min = 0, max = 100 } = field.config;
      const arc = (from, to, stroke, width) => {
        const at = (part) => [
          100 + 80 * Math.cos(Math.PI * (0.85 + 1.3 * part)),
          100 + 80 * Math.sin(Math.PI * (0.85 + 1.3 * part)),
        ];
        const [[x, y], [u, v]] = [at(from), at(to)];
        return draw("path", {
          d: `M${x} ${y}A80 80 0 ${(to - from) * 1.3 > 1 ? 1 : 0} 1 ${u} ${v}`,
          stroke,
          fill: "none",
          "stroke-width": width,
        });
      };
      const part = value === null ? 0 : Math.min(1, Math.max(0, (value - min) / (max - min || 1)));
      const number = draw("text", {
        x: 100,
        y: 112,
        fill: tint,
        "text-anchor": "middle",
        "font-weight": 700,
        "font-size": Math.min(42, 190 / Math.max(3, text.length)),
      });
      number.append(text);
      const dial = draw("svg", { class: "dial", viewBox: "0 0 200 160" }, arc(0, 1, "#222a35", 22), number);
      if (part > 0) dial.append(arc(0, part, tint, 22));
      if (values.length > 1) {
        const name = draw("text", {
          x: 100,
          y: 154,
          fill: COLOURS.text,
          "text-anchor": "middle",
          "font-size": Math.min(18, 330 / title.length),
        });
        name.append(title);
        dial.append(name);
      }
      cell.append(make("div", {}, dial));
    });
  },

  bargauge(panel, box, fields) {
    const values = reduced(panel, fields),
      numbers = values.map(({ value }) => value ?? 0);
    if (!values.length) return nothing(panel, box);
    const bars = make("div", { className: "bars" });
    bars.style.setProperty("--rows", values.length);
    for (const { field, title, value, text, tint } of values) {
      const low = field.config.min ?? 0,
        high = field.config.max ?? Math.max(...numbers, 1);
      const bar = make("u"),
        name = make("span", { textContent: title });
      bar.style.width = `${Math.min(100, Math.max(0, ((value ?? 0) - low) / (high - low || 1)) * 100)}%`;
      bar.style.background = tint;
      const figure = make("b", { textContent: text });
      figure.style.color = tint;
      bars.append(name, make("i", {}, bar), figure);
    }
    return box.replaceChildren(bars);
  },

  table(panel, box, fields) {
    fields = fields.filter((field) => !field.config.custom.hidden && !field.config.custom.hideFrom?.viz);
    const length = fields[0]?.values.length ?? 0;
    if (!length) return nothing(panel, box);
    const order = [...Array(length).keys()];
    for (const { displayName, desc } of panel.options?.sortBy ?? []) {
      const by = fields.find((field) => field.title === displayName)?.values;
      if (by) order.sort((a, b) => (by[a] > by[b] ? 1 : by[a] < by[b] ? -1 : 0) * (desc ? -1 : 1));
    }
    const head = fields.map((field) => {
      const cell = make("th", { textContent: field.title, className: field.type === "number" ? "number" : "" });
      // Grafana's widths are for its own letters of 14 pixels.
      if (field.config.custom.width && !phone()) cell.style.width = `${field.config.custom.width / 14}em`;
      return cell;
    });
    const body = order.map((row) =>
      make(
        "tr",
        {},
        ...fields.map((field) => {
          const look = display(field, field.values[row]),
            cell = make("td", { textContent: look.text });
          const { type } = field.config.custom.cellOptions ?? {};
          cell.dataset.name = field.title;
          cell.classList.toggle("short", look.text.length < 12);
          if (field.type === "number") cell.classList.add("number");
          if (type === "color-background") {
            cell.classList.add("mark");
            cell.style.background = look.colour;
            cell.style.color = dark(look.colour) ? "#10141a" : "#fff";
          } else if (type === "color-text") cell.style.color = look.colour;
          return cell;
        }),
      ),
    );
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...body));
    if (panel.options?.showHeader === false) table.tHead.remove();
    const scroll = make("div", { className: "scroll" }, table);
    box.replaceChildren(scroll);
    if (document.body.classList.contains("kiosk") && !phone()) fit(panel, box, scroll, table);
  },

  timeseries(panel, box, fields, span) {
    const times = fields.find((field) => field.type === "time");
    const series = fields.filter((field) => field.type === "number" && !field.config.custom.hideFrom?.viz);
    if (!times?.values.length || !series.length) return nothing(panel, box);
    const local = new Intl.DateTimeFormat("sv-SE", { timeZone: shown.zone, dateStyle: "short", timeStyle: "medium" });
    const x = times.values.map((ms) => local.format(ms));
    const { unit = "", min, max, custom = {} } = series[0].config;
    const traces = series.map((field, at) => {
      const own = field.config.custom,
        { mode = "palette-classic", fixedColor } = field.config.color ?? {};
      const stroke =
        mode === "fixed"
          ? colour(fixedColor)
          : mode === "thresholds"
            ? threshold(REDUCED.lastNotNull(field.values) ?? 0, field.config)
            : PALETTE[at % PALETTE.length];
      const base = {
        x,
        y: field.values,
        name: plain(field.title),
        hovertemplate: "%{x|%d/%m %H:%M}<br><b>%{text}</b><extra>%{fullData.name}</extra>",
        text: field.values.map((value) => plain(display(field, value).text)),
        textposition: "none",
      };
      if (own.drawStyle === "bars") return { ...base, type: "bar", marker: { color: stroke } };
      return {
        ...base,
        type: "scatter",
        // A line has two ends: a value between gaps is a point.
        mode: "lines+markers",
        marker: { color: stroke, size: field.values.map((value, i) => (alone(field.values, i) ? 6 : 0)) },
        line: {
          color: stroke,
          width: (own.lineWidth ?? 1) + 1,
          dash: own.lineStyle?.fill === "dash" ? "dash" : "solid",
          shape: own.lineInterpolation?.startsWith("step") ? "hv" : "linear",
        },
        connectgaps: own.spanNulls === true,
        fill: own.fillOpacity && own.stacking?.mode !== "normal" ? "tozeroy" : "none",
        fillcolor: `${stroke}${Math.round((own.fillOpacity ?? 0) * 2.55)
          .toString(16)
          .padStart(2, "0")}`,
        ...(own.stacking?.mode === "normal" && { stackgroup: own.stacking.group ?? "A" }),
      };
    });
    const scale =
      unit === "percentunit"
        ? { tickformat: ".0%" }
        : {
            ticksuffix:
              unit === "percent"
                ? "%"
                : unit.startsWith("suffix:")
                  ? ` ${unit.slice(7)}`
                  : unit in SPELT
                    ? ` ${text().units[unit] ?? unit}`
                    : "",
          };
    const shapes =
      (custom.thresholdsStyle?.mode ?? "off") === "off"
        ? []
        : (series[0].config.thresholds?.steps ?? [])
            .filter((step) => typeof step.value === "number")
            .map((step) => ({
              type: "line",
              xref: "paper",
              x0: 0,
              x1: 1,
              y0: step.value,
              y1: step.value,
              line: { color: colour(step.color), width: 1, dash: "dot" },
            }));
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    let plot = box.querySelector(".plot");
    if (!plot) box.replaceChildren((plot = make("div", { className: "plot" })));
    const axis = { gridcolor: "#2a313c", linecolor: "#2a313c", zeroline: false, automargin: true, fixedrange: true };
    Plotly.react(
      plot,
      traces,
      {
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        font: { color: "#c3ccd6", size: size * 0.85, family: "inherit" },
        margin: { l: 10, r: 14, t: 8, b: 10 },
        shapes,
        separators: locale() === "id-ID" ? ",." : ".,",
        bargap: 0.15,
        barmode: custom.stacking?.mode === "normal" ? "stack" : "group",
        xaxis: {
          ...axis,
          type: "date",
          range: span.map((ms) => local.format(ms)),
          nticks: Math.max(3, Math.floor(box.clientWidth / (size * 7))),
          tickformatstops: [
            { dtickrange: [null, 59999], value: "%H:%M:%S" },
            { dtickrange: [60000, 86399999], value: "%H:%M" },
            { dtickrange: [86400000, null], value: "%d/%m" },
          ],
        },
        yaxis: {
          ...axis,
          ...scale,
          nticks: Math.max(3, Math.floor(box.clientHeight / (size * 3))),
          exponentformat: "none",
          rangemode: min === 0 ? "tozero" : "normal",
          ...(typeof max === "number" && { range: [min ?? 0, max] }),
        },
        showlegend: panel.options?.legend?.showLegend !== false && series.length > 1,
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      },
      { displayModeBar: false, responsive: false },
    );
  },

  "state-timeline"(panel, box, fields) {
    const times = fields.find((field) => field.type === "time"),
      lanes = fields.filter((field) => field !== times);
    if (!times?.values.length || !lanes.length) return nothing(panel, box);
    const begin = times.values[0],
      step = times.values.length > 1 ? times.values.at(-1) - times.values.at(-2) : 60000;
    const end = times.values.at(-1) + step,
      grid = make("div", { className: "lines" });
    for (const field of lanes) {
      const lane = make("div", { className: "lane" });
      let from = 0;
      for (let at = 1; at <= times.values.length; at++) {
        if (at < times.values.length && (field.values[at] === field.values[from] || field.values[at] === null))
          continue;
        const start = times.values[from],
          until = times.values[at] ?? end;
        if (field.values[from] !== null) {
          const look = display(field, field.values[from]),
            wide = (until - start) / (end - begin);
          const piece = make("i", {
            title: `${look.text} ${moment(start)}`,
            textContent: wide * box.clientWidth * 0.7 > look.text.length * 9 ? look.text : "",
          });
          Object.assign(piece.style, {
            left: `${((start - begin) / (end - begin)) * 100}%`,
            width: `${wide * 100}%`,
            background: look.colour,
            color: dark(look.colour) ? "#10141a" : "#fff",
          });
          lane.append(piece);
        }
        from = at;
      }
      grid.append(make("span", { textContent: field.title }), lane);
    }
    grid.append(
      make(
        "div",
        { className: "axis" },
        ...[begin, (begin + end) / 2, end].map((ms) => make("span", { textContent: moment(ms) })),
      ),
    );
    box.replaceChildren(grid);
  },

  geomap(panel, box, fields) {
    const { location: place, config = {} } = panel.options?.layers?.[0] ?? {};
    const named = (name) => fields.find((field) => field.name === name);
    const lat = named(place?.latitude ?? "latitude"),
      lon = named(place?.longitude ?? "longitude");
    const tint =
      named(config.style?.color?.field) ??
      fields.find((field) => field.type === "number" && field !== lat && field !== lon);
    const name = named(config.style?.text?.field) ?? fields.find((field) => field.type === "string");
    const points = (lat?.values ?? [])
      .map((value, at) => ({ lat: value, lon: lon.values[at], at }))
      .filter((point) => point.lat !== null && point.lon !== null);
    if (!points.length) return nothing(panel, box);
    const width = Math.max(200, box.clientWidth),
      height = Math.max(150, box.clientHeight),
      size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const range = (values) => [Math.min(...values), Math.max(...values)];
    const [south, north] = range(points.map((point) => point.lat)),
      [west, east] = range(points.map((point) => point.lon));
    const flat = Math.cos(((south + north) / 2) * (Math.PI / 180)),
      edge = size * 3;
    const scale = Math.min(
      (width - 2 * edge) / ((east - west) * flat || 1e-3),
      (height - 2 * edge) / (north - south || 1e-3),
    );
    for (const point of points) {
      point.x = width / 2 + (point.lon - (west + east) / 2) * flat * scale;
      point.y = height / 2 - (point.lat - (south + north) / 2) * scale;
    }
    const map = draw("svg", { class: "map", viewBox: `0 0 ${width} ${height}` }),
      radius = size * 0.55,
      pen = make("canvas").getContext("2d");
    pen.font = `${size * 0.85}px ${getComputedStyle(document.body).fontFamily}`;
    // A label stands where it covers neither a point nor another label, or not at all.
    const taken = points.map(({ x, y }) => [x - radius, y - radius, x + radius, y + radius]);
    const free = ([a, b, c, d]) =>
      a > 0 && b > 0 && c < width && d < height && taken.every(([e, f, g, h]) => c < e || g < a || d < f || h < b);
    for (const point of points) {
      const look = tint ? display(tint, tint.values[point.at]) : { colour: COLOURS.blue, text: "" };
      const dot = draw("circle", {
        cx: point.x,
        cy: point.y,
        r: radius,
        fill: look.colour,
        stroke: "#0d1117",
        "stroke-width": 1.5,
      });
      const title = name ? display(name, name.values[point.at]).text : "";
      const hint = draw("title");
      hint.append(
        fields
          .filter((field) => field !== lat && field !== lon)
          .map((field) => `${field.title}: ${display(field, field.values[point.at]).text}`)
          .join("\n"),
      );
      dot.append(hint);
      map.append(dot);
      const written = `${title} ${look.text}`.trim(),
        long = pen.measureText(written).width,
        tall = size * 0.95,
        { x, y } = point;
      const places = [
        [x + radius + 3, y - tall / 2],
        [x - radius - 3 - long, y - tall / 2],
        [x - long / 2, y - radius - tall - 2],
        [x - long / 2, y + radius + 2],
      ];
      const spot = places.map(([left, top]) => [left, top, left + long, top + tall]).find(free);
      if (spot) {
        taken.push(spot);
        const words = draw("text", { x: spot[0], y: spot[3] - tall * 0.2, "font-size": size * 0.85 });
        words.append(written);
        map.append(words);
      }
    }
    box.replaceChildren(map);
  },
};

function nothing(panel, box) {
  box.replaceChildren(
    make("div", { className: "said", textContent: panel.fieldConfig?.defaults?.noValue ?? text().none }),
  );
}

// Headings, lists, paragraphs, bold and links: what the dashboards' own words need, built without any HTML of theirs.
function prose(written) {
  const inline = (line) =>
    line.split(/(\*\*[^*]+\*\*|\[[^\]]+\]\([^)\s]+\))/).map((part) => {
      const link = part.match(/^\[([^\]]+)\]\(((?:https?:\/\/|\/)[^)\s]*)\)$/);
      if (link) return make("a", { href: link[2], textContent: link[1] });
      return part.startsWith("**") && part.endsWith("**") ? make("strong", { textContent: part.slice(2, -2) }) : part;
    });
  const found = make("div", { className: "prose" });
  for (const block of written.split(/\n\s*\n/)) {
    const lines = block.split("\n").filter((line) => line.trim());
    if (lines.every((line) => /^\s*[-*] /.test(line)))
      found.append(make("ul", {}, ...lines.map((line) => make("li", {}, ...inline(line.replace(/^\s*[-*] /, ""))))));
    else
      for (const line of lines) {
        const heading = line.match(/^#+\s+(.*)/);
        found.append(make(heading ? "h3" : "p", {}, ...inline(heading?.[1] ?? line)));
      }
  }
  return found;
}

function render(panel) {
  const box = boxes.get(panel.id),
    answers = results.get(panel.id);
  if (panel.type === "text") return box.replaceChildren(prose((panel.options?.content ?? "").replace(/<[^>]*>/g, "")));
  if (!answers) return;
  const failed = answers.find((answer) => answer.problem);
  const problem = (code, detail) =>
    box.replaceChildren(
      make("div", {
        className: "said problem",
        title: detail,
        textContent: text().problems[code] + (detail ? `: ${detail}` : ""),
      }),
    );
  if (failed) return problem(failed.problem, failed.detail);
  if (!PANELS[panel.type]) return problem("drawing", panel.type);
  try {
    PANELS[panel.type](
      panel,
      box,
      fieldsOf(
        panel,
        answers.map((answer) => answer.frame),
      ),
      answers[0].span,
    );
  } catch (error) {
    console.error(panel.title, error);
    problem("drawing", error.message);
  }
}
