/** The latest orders, for those who may see them. */

import { day, element, empty, heading } from "/assets/server/dom.js";
import { money } from "./money.js";

export async function render(view, _params, api) {
  view.append(heading("Orders", "The latest hundred, newest first."));
  if (!api.can("commerce.order.list")) {
    view.append(empty("Sign in to see the orders."));
    return;
  }
  const orders = await api.get("/api/commerce/orders");
  view.append(orders.length ? table(orders) : empty("Nobody has ordered anything yet."));
}

function table(orders) {
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, "Order"),
    element("th", { scope: "col" }, "Placed"),
    element("th", { scope: "col", className: "number" }, "Total"),
  );
  const rows = orders.map((order) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, `#${order.id}`),
      element("td", {}, day(order.placed_at)),
      element("td", { className: "number" }, money(order.total, order.currency)),
    ),
  );
  return element("div", { className: "card scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)));
}
