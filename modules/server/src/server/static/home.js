/** The start page: where one can go, and what this release is made of. */

import { element, heading } from "./dom.js";

export async function render(view, _params, api) {
  const [{ navigation }, modules] = await Promise.all([api.get("/api/_routes"), api.get("/api/_modules")]);
  const byName = new Map(modules.map((module) => [module.name, module]));
  const links = reachable(navigation, api);
  view.append(
    heading(document.body.dataset.app, "Everything in this release, at a glance."),
    element("ul", { className: "grid" }, ...links.map((item) => card(item, byName.get(item.module)))),
    element("h2", {}, "Modules"),
    table(modules),
  );
}

/** Returns the links of the tree that lead somewhere this reader may go, each path once. */
function reachable(items, api) {
  const seen = items.filter((item) => !item.hidden && api.can(item.permission));
  const links = seen.flatMap((item) => [...(item.path ? [item] : []), ...reachable(item.children, api)]);
  return links.filter((link, index) => links.findIndex((other) => other.path === link.path) === index);
}

function card(item, module) {
  const link = element("a", { href: item.path }, item.label);
  return element("li", { className: "card link" }, element("h3", {}, link), element("p", {}, module?.description ?? ""));
}

function table(modules) {
  const rows = modules.map((module) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, module.name),
      element("td", {}, element("span", { className: "tag" }, module.version)),
      element("td", { className: "wide" }, module.description),
    ),
  );
  const head = element("tr", {}, ...["Module", "Version", "What it does"].map((name) => element("th", { scope: "col" }, name)));
  return element("div", { className: "card scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}
