// Elements without markup: text only ever becomes text.

/** Makes an element. `props` are properties, `class`, `data-…` and `aria-…`; strings become text. */
export function element(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') made.className = value;
    else if (name.includes('-') || name === 'role') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The element of the page with an id. */
export const byId = (id) => document.getElementById(id);

/** A round initial in a user's colour. */
export function avatar(user, into = element('span', { class: 'avatar', 'aria-hidden': 'true' })) {
  const [initial = '?'] = new Intl.Segmenter().segment(user.name.trim());
  into.textContent = (initial.segment ?? initial).toLocaleUpperCase();
  into.style.setProperty('--hue', String(hue(user.id)));
  return into;
}

/** A colour that stays with a user: one of twelve, far apart. */
function hue(id) {
  let hash = 2_166_136_261;
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 16_777_619);
  return ((hash >>> 8) % 12) * 30 + 15;
}
