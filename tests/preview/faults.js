// The faults of a page's layout, in words; `least` is the smallest letter allowed, in pixels.
(least) => {
  const faults = [],
    rect = (element) => element.getBoundingClientRect(),
    short = (word) => word.textContent.slice(0, 40);
  const apart = (a, b) =>
    a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
  const within = (a, b) =>
    a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
  const kiosk = document.body.classList.contains("kiosk"),
    panels = [...document.querySelectorAll(".panel")];
  const screen = { left: 0, top: 0, right: innerWidth, bottom: kiosk ? innerHeight : Infinity };
  // Where the letters are: without the room above and below them that a font reserves for accents.
  const letters = (word) => {
    const range = document.createRange(),
      air = parseFloat(getComputedStyle(word).fontSize) * 0.18;
    range.selectNodeContents(word);
    const { left, right, top, bottom } = rect(word.namespaceURI.endsWith("svg") ? word : range);
    return { left, right, top: top + air, bottom: bottom - air };
  };
  // What a table can be scrolled to is not cut; on a wall nobody scrolls.
  const inView = (word) => {
    const scroll = kiosk ? null : word.closest(".scroll");
    return !scroll || (rect(word).top >= rect(scroll).top - 1 && rect(word).bottom <= rect(scroll).bottom + 1);
  };
  const look = (name, within_, selected, box) => {
    const words = [...within_.querySelectorAll(selected)].filter(
      (word) => word.textContent.trim() && word.checkVisibility() && inView(word),
    );
    const boxes = words.map(letters),
      dots = [...within_.querySelectorAll(".map circle")].map(rect);
    words.forEach((word, here) => {
      // A lane's piece cuts what does not fit into it.
      const frame = word.matches(".lane i") ? rect(word) : box;
      if (!within(boxes[here], frame)) faults.push(`${name}: "${short(word)}" is cut`);
      if (parseFloat(getComputedStyle(word).fontSize) < least) faults.push(`${name}: "${short(word)}" is too small`);
      if (word.closest(".map") && dots.some((dot) => !apart(boxes[here], dot)))
        faults.push(`${name}: "${short(word)}" lies on a point`);
      for (let next = here + 1; next < words.length; next++)
        if (!word.contains(words[next]) && !apart(boxes[here], boxes[next]))
          faults.push(`${name}: "${short(word)}" lies on "${short(words[next])}"`);
    });
  };
  const top = document.querySelector("header"),
    below = document.querySelector("nav");
  look("header", top, "#city, #title, #fresh, #clock", rect(top));
  if (below.checkVisibility()) look("navigation", below, "a, label", rect(below));
  for (const bar of [top, below])
    if (bar.checkVisibility() && !within(rect(bar), screen)) faults.push(`${bar.localName} is off the screen`);
  panels.forEach((panel, at) => {
    const name = `panel ${panel.dataset.panel} ${panel.querySelector("h2")?.textContent ?? ""}`,
      box = rect(panel);
    if (!within(box, screen)) faults.push(`${name} is off the screen`);
    for (const other of panels.slice(at + 1))
      if (!apart(box, rect(other))) faults.push(`${name} covers panel ${other.dataset.panel}`);
    look(name, panel, "b, span, td, th, h2, h3, p, .said, .more, .map text, .plot text, .lane i", box);
  });
  return faults;
};
