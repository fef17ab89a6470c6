/** What is for sale; ordering and adding products for those who may. */

import { disclosedForm, element, empty, heading } from "/assets/server/dom.js";
import { money } from "./money.js";

const FIELDS = [
  { name: "name", label: "Name", required: true, maxLength: 200 },
  { name: "price", label: "Price", type: "number", min: "0", step: "0.01", required: true },
  { name: "stock", label: "Items in stock", type: "number", min: "0", step: "1", required: true },
];

export async function render(view, params, api) {
  const { currency, items } = await api.get("/api/commerce/products");
  const again = async () => {
    const fresh = document.createDocumentFragment();
    await render(fresh, params, api);
    view.replaceChildren(fresh);
  };
  view.append(heading("Shop", "What we make, and how much of it is left."));
  if (api.can("commerce.product.write")) view.append(form(api, again));
  const cards = items.map((product) => card(product, currency, api, again));
  view.append(items.length ? element("ul", { className: "grid" }, ...cards) : empty("Nothing is for sale yet."));
}

function card(product, currency, api, again) {
  const about = product.article_id && element("a", { href: `/articles/${product.article_id}` }, "About it");
  return element(
    "li",
    { className: "card product" },
    element("h3", {}, product.name),
    element("div", { className: "meta" }, product.stock ? `${product.stock} in stock` : "Sold out", about),
    element(
      "div",
      { className: "row" },
      element("span", { className: "price" }, money(product.price, currency)),
      api.can("commerce.order.place") ? orderButton(product, api, again) : null,
    ),
  );
}

function orderButton(product, api, again) {
  const button = element("button", { type: "button", disabled: product.stock === 0 }, "Order");
  button.setAttribute("aria-label", `Order ${product.name}`);
  button.onclick = async () => {
    button.disabled = true;
    try {
      const order = await api.post("/api/commerce/orders", { lines: [{ product_id: product.id, quantity: 1 }] });
      api.announce(`Order ${order.id} placed: ${money(order.total, order.currency)}`);
    } catch (failure) {
      api.announce(failure.message);
    }
    await again();
  };
  return button;
}

function form(api, again) {
  return disclosedForm("New product", FIELDS, "Put on sale", async ({ name, price, stock }) => {
    await api.post("/api/commerce/products", { name, price: Math.round(Number(price) * 100), stock: Number(stock) });
    api.announce(`${name} is on sale.`);
    await again();
  });
}
