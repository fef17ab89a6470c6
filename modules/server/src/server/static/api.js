/** What a page may do: call the server, know its permissions, go elsewhere, say something. */

const TOKEN = "token";

/** A refused request; `status` is the HTTP status. */
export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Returns the object that every page's `render(element, params, api)` receives. */
export function createApi({ navigate, announce }) {
  let permissions = new Set();

  async function call(method, path, body, token = sessionStorage.getItem(TOKEN)) {
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const response = await fetch(path, { method, headers, body: JSON.stringify(body) });
    const answer = response.status === 204 ? null : await response.json().catch(() => null);
    if (!response.ok) throw new ApiError(response.status, reason(answer, response));
    return answer;
  }

  async function open(token) {
    const session = await call("GET", "/api/_session", undefined, token);
    permissions = new Set(session.permissions);
    if (token) sessionStorage.setItem(TOKEN, token);
    else sessionStorage.removeItem(TOKEN);
  }

  return {
    get: (path) => call("GET", path),
    post: (path, body) => call("POST", path, body),
    put: (path, body) => call("PUT", path, body),
    delete: (path) => call("DELETE", path),
    can: (permission) => !permission || permissions.has(permission),
    navigate,
    announce,
    signIn: (token) => open(token),
    signOut: () => open(null),
    /** Takes up the tab's session; a token that is no longer right is forgotten. */
    resume: () => open(sessionStorage.getItem(TOKEN)).catch(() => open(null)),
    signedIn: () => sessionStorage.getItem(TOKEN) !== null,
  };
}

function reason(answer, response) {
  const detail = answer?.detail;
  if (Array.isArray(detail)) return detail.map((item) => `${item.loc.at(-1)}: ${item.msg}`).join("; ");
  return detail ?? `${response.status} ${response.statusText}`;
}
