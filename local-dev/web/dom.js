// Elements without markup in strings: whatever a function or a client wrote stays text.

/** Makes an element with these attributes. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A table of `columns` (`{title, number?}`) and rows of cells (text or elements). */
export function table(columns, rows) {
  const cell = (tag, column, content) =>
    element(tag, { class: column.number ? "number" : column.actions ? "actions" : "" }, content);
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...columns.map((c) => cell("th", c, c.title)))),
    element(
      "tbody",
      {},
      ...rows.map((cells) => element("tr", {}, ...cells.map((c, i) => cell("td", columns[i], c)))),
    ),
  );
}

/**
 * Makes the children of `parent` look like `wanted`, keeping the elements that are there: what is
 * focused, selected or being clicked stays so while numbers change.
 */
export function show(parent, ...wanted) {
  const fresh = element("div", {}, ...wanted);
  alignChildren(parent, fresh);
}

function alignChildren(old, fresh) {
  const wanted = [...fresh.childNodes];
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
  wanted.forEach((node, i) => {
    const there = old.childNodes[i];
    if (!there) old.append(node);
    else if (there.nodeName !== node.nodeName) there.replaceWith(node);
    else align(there, node);
  });
}

function align(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  alignChildren(old, fresh);
}

/** Says that a list is empty, and why that may be. */
export function empty(text) {
  return element("div", { class: "empty" }, text);
}

/** 950 ms, 12 s, 3 min, 1 h 20 min. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Local time of day with milliseconds. */
export function clock(ms) {
  const at = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}
