/** The shell: finds the page of the address, loads its module and lets it render. */

import { createApi } from "./api.js";
import { element, empty, heading } from "./dom.js";
import { createRouter } from "./router.js";

const app = document.body.dataset.app;
const main = document.getElementById("main");
const navigation = document.getElementById("navigation");
const sessionButton = document.getElementById("session");
const dialog = document.getElementById("sign-in");
const announcer = document.getElementById("announcer");

const api = createApi({ navigate, announce });
let findRoute = () => null;
let turn = 0;
let silence = 0;

function announce(message) {
  announcer.textContent = message;
  announcer.classList.add("shown");
  clearTimeout(silence);
  silence = setTimeout(() => announcer.classList.remove("shown"), 4000);
}

async function navigate(path) {
  history.pushState(null, "", path);
  await show();
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

/** Renders the page of the address; a newer navigation makes an older one disappear. */
async function show() {
  const mine = ++turn;
  const found = findRoute(location.pathname);
  main.setAttribute("aria-busy", "true");
  const view = element("div", { className: "view" });
  try {
    if (found) await draw(view, found);
    else view.append(notFound());
  } catch (failure) {
    view.replaceChildren(failed(failure));
  }
  if (mine !== turn) return;
  document.title = `${view.querySelector("h1")?.textContent ?? found?.route.title ?? "Not found"} · ${app}`;
  main.replaceChildren(view);
  main.removeAttribute("aria-busy");
  markCurrent();
}

async function draw(view, { route, params }) {
  const missing = route.permissions.filter((permission) => !api.can(permission));
  if (missing.length > 0) {
    view.append(heading(route.title), empty(`To see this page, sign in as somebody with ${missing.join(", ")}.`));
  } else if (/\.m?js$/.test(route.entry)) {
    const page = await import(route.entry);
    await page.render(view, params, api);
  } else {
    view.append(heading(route.title), empty("This page needs the bundled front end, which this release does not have."));
  }
}

function notFound() {
  return element("div", {}, heading("Not found", "Nothing is at this address."), element("p", {}, element("a", { href: "/" }, "Go to the start")));
}

function failed(failure) {
  if (failure.status === 404) return notFound();
  const again = element("button", { type: "button", onclick: show }, "Try again");
  return element("div", {}, heading("This page could not be shown"), empty(failure.message), element("p", {}, again));
}

function markCurrent() {
  const links = [...navigation.querySelectorAll("a")];
  const isInside = (path) => location.pathname === path || location.pathname.startsWith(`${path}/`);
  const paths = links.map((link) => link.getAttribute("href")).filter(isInside);
  const nearest = paths.reduce((best, path) => (path.length > best.length ? path : best), "");
  for (const link of links) {
    if (nearest && link.getAttribute("href") === nearest) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showSession() {
  sessionButton.textContent = api.signedIn() ? "Sign out" : "Sign in";
  for (const item of navigation.querySelectorAll("[data-permission]")) {
    item.hidden = !api.can(item.dataset.permission);
  }
  // From the innermost group outwards: one in which nothing can be seen is not shown either.
  for (const group of [...navigation.querySelectorAll("details")].reverse()) {
    const item = group.parentElement;
    const isAllowed = api.can(item.dataset.permission);
    item.hidden = !isAllowed || !group.querySelector(":scope > ul > li:not([hidden])");
  }
}

/** Closes the groups of the navigation that do not hold `inside`. */
function closeGroups(inside = null) {
  for (const group of navigation.querySelectorAll("details[open]")) {
    if (!group.contains(inside)) group.open = false;
  }
}

async function signIn(event) {
  event.preventDefault();
  const form = event.target;
  const error = form.querySelector(".error");
  try {
    await api.signIn(form.elements.token.value);
  } catch (failure) {
    error.textContent = failure.status === 401 ? "This is not the token." : failure.message;
    error.hidden = false;
    return;
  }
  dialog.close();
  announce("You are signed in.");
  showSession();
  await show();
}

sessionButton.addEventListener("click", async () => {
  if (!api.signedIn()) {
    dialog.querySelector("form").reset();
    dialog.querySelector(".error").hidden = true;
    dialog.showModal();
    return;
  }
  await api.signOut();
  announce("You are signed out.");
  showSession();
  await show();
});

dialog.querySelector("form").addEventListener("submit", signIn);
dialog.querySelector("[value=cancel]").addEventListener("click", () => dialog.close());

/** Links inside the application change the page without loading the document again. */
document.addEventListener("click", (event) => {
  closeGroups(event.target.closest("summary"));
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.origin !== location.origin || link.hash) return;
  if (!findRoute(link.pathname)) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeGroups();
});

addEventListener("popstate", show);

try {
  const [map] = await Promise.all([api.get("/api/_routes"), api.resume()]);
  findRoute = createRouter(map.routes);
  showSession();
  await show();
} catch (failure) {
  main.replaceChildren(failed(failure));
}
