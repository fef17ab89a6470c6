/** One article. */

import { day, element, heading, prose } from "/assets/server/dom.js";

export async function render(view, { id }, api) {
  const article = await api.get(`/api/content/articles/${encodeURIComponent(id)}`);
  view.append(
    element("a", { className: "back", href: "/articles" }, "← Articles"),
    heading(article.title, day(article.published_at)),
    prose(article.body),
  );
}
