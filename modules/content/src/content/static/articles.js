/** The list of articles, and a form for those who may write. */

import { day, disclosedForm, element, empty, heading } from "/assets/server/dom.js";

const FIELDS = [
  { name: "title", label: "Title", required: true, maxLength: 200 },
  { name: "body", label: "Text", required: true, multiline: true },
];

export async function render(view, _params, api) {
  const first = await api.get("/api/content/articles");
  view.append(heading("Articles", "What we have been writing about."));
  if (api.can("content.article.write")) view.append(form(api));
  view.append(first.items.length ? list(first, api) : empty("Nothing has been published yet."));
}

function list(first, api) {
  const items = element("ul", { className: "stack" }, ...first.items.map(card));
  const more = element("button", { type: "button", className: "quiet", hidden: first.next === null }, "Show older ones");
  let next = first.next;
  more.onclick = async () => {
    try {
      const older = await api.get(`/api/content/articles?before=${next}`);
      items.append(...older.items.map(card));
      next = older.next;
      more.hidden = next === null;
    } catch (failure) {
      api.announce(failure.message);
    }
  };
  return element("div", {}, items, element("p", { className: "row" }, more));
}

function card(article) {
  return element(
    "li",
    { className: "card link" },
    element("h3", {}, element("a", { href: `/articles/${article.id}` }, article.title)),
    element("p", {}, excerpt(article.body)),
    element("div", { className: "meta" }, day(article.published_at)),
  );
}

/** Returns the beginning of a text, cut between words. */
function excerpt(text) {
  return text.length > 180 ? `${text.slice(0, 180).replace(/\s+\S*$/, "")}…` : text;
}

function form(api) {
  return disclosedForm("New article", FIELDS, "Publish", async (draft) => {
    const article = await api.post("/api/content/articles", draft);
    api.announce("Published.");
    await api.navigate(`/articles/${article.id}`);
  });
}
