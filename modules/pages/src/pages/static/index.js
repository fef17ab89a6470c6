/** All pages, and a form for those who may write. */

import { day, disclosedForm, element, empty, heading } from "/assets/server/dom.js";

const FIELDS = [
  { name: "slug", label: "Address", required: true, maxLength: 100, pattern: "[a-z0-9]+(-[a-z0-9]+)*", placeholder: "about-us" },
  { name: "title", label: "Title", required: true, maxLength: 200 },
  { name: "body", label: "Text", required: true, multiline: true },
];

export async function render(view, _params, api) {
  const pages = await api.get("/api/pages/entries");
  view.append(heading("Pages", "Things that stay as they are."));
  if (api.can("pages.page.write")) view.append(form(api));
  view.append(pages.length ? element("ul", { className: "grid" }, ...pages.map(card)) : empty("There are no pages yet."));
}

function card(page) {
  return element(
    "li",
    { className: "card link" },
    element("h3", {}, element("a", { href: `/pages/${page.slug}` }, page.title)),
    element("div", { className: "meta" }, "Changed ", day(page.updated_at)),
  );
}

function form(api) {
  return disclosedForm("New page", FIELDS, "Save", async ({ slug, ...draft }) => {
    await api.put(`/api/pages/entries/${encodeURIComponent(slug)}`, draft);
    api.announce("Saved.");
    await api.navigate(`/pages/${slug}`);
  });
}
