// The wall: reads a Grafana dashboard's JSON, lays out its panels, and redraws those whose figures the server pushes.
"use strict";

const TEXTS = {
  id: {
    live: "Langsung",
    stale: ["DATA LAMA", "stale"],
    since: ["sejak", "since"],
    columns: "kolom lagi",
    of: "dari",
    none: "Belum ada data",
    unreachable: "basis data tidak menjawab",
    silent: "hub tidak memberi tanda hidup",
    lag: "hub tertinggal",
    lost: "sambungan ke server terputus; menyambung kembali",
    starting: "Menunggu server …",
    all: "Semua",
    chosen: "dipilih",
    problems: {
      unreachable: "Basis data tidak menjawab; dicoba lagi sebentar lagi.",
      too_long: "Kueri ini terlalu lama, jadi dihentikan; persempit waktu atau saringannya.",
      refused: "Kueri panel ini tidak dapat dijalankan",
      drawing: "Panel ini tidak dapat digambar",
    },
    units: { s: "dtk", m: "mnt", h: "jam", d: "hari" },
  },
  en: {
    live: "Live",
    stale: ["STALE"],
    since: ["since"],
    columns: "more columns",
    of: "of",
    none: "No data yet",
    unreachable: "the database does not answer",
    silent: "the hub gives no sign of life",
    lag: "the hub is behind",
    lost: "connection to the server lost; connecting again",
    starting: "Waiting for the server …",
    all: "All",
    chosen: "chosen",
    problems: {
      unreachable: "The database does not answer; trying again shortly.",
      too_long: "This query took too long and was ended; narrow its time or its filters.",
      refused: "This panel's query cannot be run",
      drawing: "This panel cannot be drawn",
    },
    units: { s: "s", m: "min", h: "h", d: "d" },
  },
};

const GAP = 8,
  FIT_BELOW_ROWS = 40,
  BEATS_LOST_MS = 8000,
  RETRY_MS = 2000,
  RESIZED_MS = 150,
  PAGE_MS = 10000;
const TALL = { stat: 130, gauge: 180, timeseries: 240, geomap: 340 };

const asked = new URLSearchParams(location.search);
const wall = document.getElementById("wall");
const said = (id) => document.getElementById(id);
// What is on the screen: the dashboard as the server gave it, and by panel id its latest results and its element.
let shown = null,
  results = new Map(),
  boxes = new Map(),
  source = null,
  heardAt = null,
  playlist = null,
  retry = null,
  // Loads are numbered: one that is overtaken by a later one changes nothing.
  attempt = 0,
  attemptedAt = 0,
  turnedAt = 0;
// The page of each table that is longer than its panel; when its dashboard comes again it goes on from there.
const turning = new Map(),
  turns = (panel) => `${shown.dashboard.uid} ${panel.id}`;
let opened = new Set(asked.getAll("row"));

const text = () => TEXTS[shown?.lang ?? asked.get("lang")] ?? TEXTS.id;
const phone = () => innerWidth <= 700;
const locale = () => (shown?.lang === "en" ? "en-GB" : "id-ID");

// Those in view: a closed row's panels are not.
function panels() {
  return shown.dashboard.panels.flatMap((panel) =>
    panel.type === "row" && opened.has(String(panel.id)) ? [panel, ...(panel.panels ?? [])] : [panel],
  );
}

function layOut() {
  boxes = new Map();
  let pushed = 0,
    bottom = 0;
  const place = (panel) => {
    const { x, y, w, h } = panel.gridPos;
    const element = make("section", { className: `panel ${panel.type}${panel.transparent ? " transparent" : ""}` });
    element.dataset.panel = panel.id;
    element.style.gridColumn = `${x + 1} / span ${w}`;
    element.style.gridRow = `${y + 1 + pushed} / span ${h}`;
    element.style.setProperty("--tall", `${TALL[panel.type] ?? 120}px`);
    if (panel.title) element.append(make("h2", { textContent: panel.title, title: panel.description ?? "" }));
    if (panel.type !== "row") {
      const box = make("div", { className: "body" });
      boxes.set(panel.id, box);
      element.append(box);
    }
    bottom = Math.max(bottom, y + h + pushed);
    wall.append(element);
    return element;
  };
  wall.replaceChildren();
  // As they are read: on a narrow screen this is their order.
  const ordered = [...shown.dashboard.panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x);
  // A heading stays with what stands right beneath it.
  for (const heading of ordered.filter(({ type }) => type === "text")) {
    const { x, y, w, h } = heading.gridPos;
    const below = ordered.findIndex(({ gridPos: p }) => p.x === x && p.w === w && p.y === y + h);
    if (below < 0) continue;
    const [panel] = ordered.splice(below, 1);
    ordered.splice(ordered.indexOf(heading) + 1, 0, panel);
  }
  for (const panel of ordered) {
    const element = place(panel);
    if (panel.type !== "row" || !panel.panels?.length) continue;
    const key = String(panel.id),
      isOpen = opened.has(key),
      title = element.querySelector("h2");
    title.prepend(isOpen ? "▾ " : "▸ ");
    title.classList.add("fold");
    title.onclick = () => {
      if (!opened.delete(key)) opened.add(key);
      load();
    };
    if (!isOpen) continue;
    panel.panels.forEach(place);
    // What is opened takes its own room; what follows moves down.
    pushed += Math.max(...panel.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) - panel.gridPos.y - panel.gridPos.h;
  }
  scale(bottom);
}

// On a wall the whole dashboard fits the screen; letters grow with it, to be read from four metres.
function scale(rows) {
  const kiosk = document.body.classList.contains("kiosk"),
    root = document.documentElement.style;
  root.setProperty(
    "--base",
    phone() ? "16px" : `${Math.max(14, Math.min(innerWidth / 1920, innerHeight / 1080) * (kiosk ? 22 : 18))}px`,
  );
  const room = innerHeight - wall.getBoundingClientRect().top - 2 * GAP,
    fitted = (room - (rows - 1) * GAP) / rows;
  root.setProperty(
    "--row",
    kiosk && rows <= FIT_BELOW_ROWS ? `${fitted}px` : `${Math.max(30, rows <= 24 ? fitted : 0)}px`,
  );
}

function renderAll() {
  for (const panel of panels()) if (boxes.has(panel.id)) render(panel);
}

// Another dashboard, looked at in the same way.
function address(uid) {
  const query = new URLSearchParams([...asked].filter(([name]) => name === "kiosk" || name === "playlist"));
  return `/d/${encodeURIComponent(uid)}${query.size ? `?${query}` : ""}`;
}

function navigation() {
  const here = make("a", { textContent: shown.dashboard.title });
  here.setAttribute("aria-current", "page");
  const links = (shown.dashboard.links ?? []).filter((link) => link.url?.startsWith("/d/"));
  const own = playlist.filter((one) => one.lang === shown.lang && one.uid !== shown.dashboard.uid);
  const others = links.length
    ? links.map((link) => make("a", { href: link.url, textContent: link.title }))
    : own.map((one) => make("a", { href: address(one.uid), textContent: one.title }));
  const choices = shown.variables
    .filter((variable) => !variable.hidden)
    .map((variable) => {
      const select = make("select", { multiple: false });
      select.dataset.variable = variable.name;
      if (variable.all) select.append(new Option(text().all, "$__all"));
      select.append(...variable.options.map(([title, value]) => new Option(title, value)));
      if (variable.chosen.length > 1) {
        const several = new Option(`${variable.chosen.length} ${text().chosen}`, "");
        several.disabled = true;
        select.prepend(several);
      }
      select.value = variable.chosen.length > 1 ? "" : variable.chosen[0];
      select.onchange = () => {
        const query = new URLSearchParams(location.search);
        query.set(`var-${variable.name}`, select.value);
        location.search = query;
      };
      return make("label", {}, variable.label, select);
    });
  said("nav").replaceChildren(here, ...others, ...choices);
}

function fresh(since, reason) {
  const box = said("fresh"),
    words = text(),
    isLive = reason === "live";
  box.className = isLive ? "live" : "stale";
  document.body.classList.toggle("stale", !isLive);
  if (isLive) return box.replaceChildren(words.live);
  const dates = words.stale.map((word, at) => (since === null ? word : `${word} ${words.since[at]} ${moment(since)}`));
  box.replaceChildren(dates.join(" / "), make("small", { textContent: words[reason] }));
}

function lost() {
  if (shown) fresh(heardAt ?? Date.now(), "lost");
}

function listen(uid, query) {
  source?.close();
  source = new EventSource(`/stream/${encodeURIComponent(uid)}?${query}`);
  const own = source,
    on = (name, act) =>
      own.addEventListener(name, (event) => {
        heardAt = Date.now();
        act(JSON.parse(event.data));
      });
  on("hello", ({ build }) => {
    if (build !== shown.build) location.reload();
  });
  on("panels", ({ ids, results: found }) => {
    for (const id of ids) results.set(id, found);
    for (const panel of panels()) if (ids.includes(panel.id) && boxes.has(panel.id)) render(panel);
  });
  on("fresh", ({ since, reason }) => fresh(since === null ? null : Date.parse(since), reason));
  own.onerror = () => {
    lost();
    // It tries again by itself, unless the server answered with an error.
    if (own.readyState === EventSource.CLOSED && own === source) again();
  };
}

async function fetched(path) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(BEATS_LOST_MS) });
  if (!response.ok) {
    // In words of the server's own, and not a page of a proxy before it.
    const told = response.headers.get("content-type")?.startsWith("text/plain") ? await response.text() : "";
    throw Object.assign(new Error(told || response.statusText), { told, final: response.status < 500 });
  }
  return response.json();
}

// One attempt at a time, however many reasons there are for it.
function again(...uid) {
  clearTimeout(retry);
  retry = setTimeout(load, RETRY_MS, ...uid);
}

async function load(uid = decodeURIComponent(location.pathname.split("/d/")[1] ?? "")) {
  const own = ++attempt;
  attemptedAt = Date.now();
  source?.close();
  clearTimeout(retry);
  try {
    const found = await fetched("/dashboards");
    if (own !== attempt) return;
    playlist = found;
    uid ||= (playlist.find((one) => one.lang === asked.get("lang")) ?? playlist[0])?.uid;
    if (!uid) {
      const told = "Tidak ada dashboard; tulis dengan: / No dashboards; write some with: warroom dashboards build";
      throw Object.assign(new Error(told), { final: true });
    }
    const query = new URLSearchParams(
      [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("var-")),
    );
    const dashboard = await fetched(`/dashboards/${encodeURIComponent(uid)}?${query}`);
    if (own !== attempt) return;
    shown = dashboard;
    for (const row of opened) query.append("row", row);
    results = new Map();
    turnPages();
    document.documentElement.lang = shown.lang;
    document.title = `${shown.dashboard.title} · ${shown.city.name}`;
    said("city").textContent = shown.city.name;
    said("title").textContent = shown.dashboard.title;
    tick();
    navigation();
    layOut();
    renderAll();
    listen(uid, query);
  } catch (error) {
    if (own !== attempt) return;
    lost();
    if (!shown) {
      const words = error.final ? error.message : [text().starting, error.told].filter(Boolean).join(" ");
      wall.replaceChildren(make("div", { className: "said", textContent: words }));
    }
    // What was shown once comes again: the server, or a proxy before it, may only be starting.
    if (shown || !error.final) again(uid);
  }
}

// The panels whose page is another one now.
function turnPages() {
  turnedAt = Date.now();
  const long = panels().filter((panel) => turning.has(turns(panel)));
  for (const panel of long) turning.set(turns(panel), turning.get(turns(panel)) + 1);
  return long;
}

function tick() {
  if (shown) said("clock").textContent = clock(new Date(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  if (shown && Date.now() - turnedAt > PAGE_MS) turnPages().forEach(render);
  // A connection that is dead without an error, such as over a network that fell silent.
  if (heardAt && Date.now() - Math.max(heardAt, attemptedAt) > BEATS_LOST_MS) {
    lost();
    load();
  }
}

function next() {
  const own = playlist.filter((one) => one.lang === shown.lang && one.inTurn),
    at = own.findIndex((one) => one.uid === shown.dashboard.uid);
  if (!own.length) return;
  const { uid } = own[(at + 1) % own.length];
  history.replaceState(null, "", address(uid));
  opened = new Set();
  load(uid);
}

document.body.classList.toggle("kiosk", asked.has("kiosk"));
let resized;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    if (shown) {
      layOut();
      renderAll();
    }
  }, RESIZED_MS);
});
setInterval(tick, 1000);
if (Number(asked.get("playlist")) > 0)
  setInterval(
    () => {
      if (shown) next();
    },
    Math.max(5, Number(asked.get("playlist"))) * 1000,
  );
load();
