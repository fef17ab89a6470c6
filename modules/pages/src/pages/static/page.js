/** One page; changing and removing it for those who may. */

import { disclosedForm, element, heading, prose } from "/assets/server/dom.js";

export async function render(view, { slug }, api) {
  const address = `/api/pages/entries/${encodeURIComponent(slug)}`;
  const page = await api.get(address);
  view.append(
    element("a", { className: "back", href: "/pages" }, "← Pages"),
    heading(page.title, null, ...(api.can("pages.page.write") ? [removal(address, api)] : [])),
    prose(page.body),
  );
  if (api.can("pages.page.write")) view.append(element("h2", {}, "Edit"), form(page, address, api));
}

function form(page, address, api) {
  const fields = [
    { name: "title", label: "Title", required: true, maxLength: 200, defaultValue: page.title },
    { name: "body", label: "Text", required: true, multiline: true, defaultValue: page.body },
  ];
  return disclosedForm("Change this page", fields, "Save", async (draft) => {
    await api.put(address, draft);
    api.announce("Saved.");
    await api.navigate(`/pages/${page.slug}`);
  });
}

function removal(address, api) {
  const button = element("button", { type: "button", className: "quiet" }, "Delete");
  button.onclick = async () => {
    if (!confirm("Delete this page for everybody?")) return;
    try {
      await api.delete(address);
      api.announce("Deleted.");
      await api.navigate("/pages");
    } catch (failure) {
      api.announce(failure.message);
    }
  };
  return button;
}
