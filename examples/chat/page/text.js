// Elements, texts and Markdown. HTML in a model's text is shown as text, and DOMPurify checks the rest.

import DOMPurify from "./vendor/purify.es.mjs";
import { marked } from "./vendor/marked.esm.js";

const TAGS = ("p br hr h1 h2 h3 h4 h5 h6 strong em del code pre blockquote ul ol li a table thead tbody tr th td").split(" ");

const escaped = (text) => text.replace(/[&<>"]/g, (it) => `&#${it.charCodeAt()};`);

// No pictures: a model could be made to send data away in their addresses.
marked.use({ renderer: { html: ({ text }) => escaped(text), image: ({ text }) => escaped(text) } });

DOMPurify.addHook("afterSanitizeAttributes", (element) => {
  if (element.tagName === "A") {
    element.target = "_blank";
    element.rel = "noopener noreferrer";
  }
  if (element.tagName === "TABLE" || element.tagName === "PRE") element.tabIndex = 0; // they scroll
});

/** The elements of a Markdown text. */
export function markdown(text) {
  const html = marked.parse(text, { breaks: true });
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "title", "start", "align"],
    ALLOWED_URI_REGEXP: /^(https?|mailto):/i,
    RETURN_DOM_FRAGMENT: true,
  });
}

/** A new element with a class, and a text in it. */
export function make(tag, name, content = "") {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = content;
  return element;
}

/** A new element at the end of its parent. */
export function add(parent, ...given) {
  const element = make(...given);
  parent.append(element);
  return element;
}

export const words = (name) => (name ?? "").replaceAll("_", " ");
export const count = (number) => number.toLocaleString("en");
export const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));
export const facts = (value) =>
  value && typeof value === "object" ? Object.values(value).map(shown).join(" · ") : shown(value);
export const inBrief = (args) =>
  Object.entries(args ?? {}).map(([name, value]) => `${name}: ${shown(value)}`).join(", ");
export const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((block) => block.text ?? "").join("");

/** A random UUID, also where the page is not served over HTTPS. */
export const newId = () =>
  crypto.randomUUID?.() ??
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16));
