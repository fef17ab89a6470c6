/** Building elements. Text is always text: nothing here parses HTML. */

/**
 * Returns a new element. Properties are set as properties (`className`, `onclick`),
 * those with a dash as attributes (`aria-label`); children are elements or text.
 */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Returns the heading of a page, with an optional line below and actions beside it. */
export function heading(title, lead = null, ...actions) {
  return element(
    "div",
    { className: "heading" },
    element("div", {}, element("h1", {}, title), lead && element("p", { className: "lead" }, lead)),
    element("div", { className: "actions" }, ...actions),
  );
}

/** Returns what a list shows when it has nothing to show. */
export function empty(text) {
  return element("p", { className: "empty" }, text);
}

/** Returns paragraphs, one for each block of text between empty lines. */
export function prose(text) {
  const blocks = text.split(/\n\s*\n/).filter((block) => block.trim());
  return element("div", { className: "prose" }, ...blocks.map((block) => element("p", {}, block)));
}

/** Returns a moment as the reader's language writes dates. */
export function day(moment) {
  const words = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(new Date(moment));
  return element("time", { dateTime: moment }, words);
}

/**
 * Returns a form in a disclosure. `fields` are `{ name, label, type, multiline, ... }` with
 * input properties; `submit` receives the trimmed texts and may throw: its message is shown.
 */
export function disclosedForm(summary, fields, action, submit) {
  const error = element("p", { className: "error", role: "alert", hidden: true });
  const button = element("button", { type: "submit" }, action);
  const form = element("form", {}, ...fields.map(field), error, element("div", { className: "actions" }, button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    try {
      const texts = Object.entries(Object.fromEntries(new FormData(form)));
      await submit(Object.fromEntries(texts.map(([name, text]) => [name, text.trim()])));
    } catch (failure) {
      error.textContent = failure.message;
      error.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
  return element("details", { className: "card disclosure" }, element("summary", {}, summary), form);
}

function field({ label, multiline = false, ...properties }) {
  const input = element(multiline ? "textarea" : "input", multiline ? { rows: 6, ...properties } : properties);
  return element("label", {}, label, input);
}
