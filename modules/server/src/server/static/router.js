/** Which route a path belongs to. A fixed segment wins over a parameter. */

/** Returns a function from a path to `{ route, params }`, or to null. */
export function createRouter(routes) {
  const table = routes.map((route) => ({ route, segments: route.path.split("/") }));
  table.sort((a, b) => rank(a.segments).localeCompare(rank(b.segments)));
  return (path) => {
    const actual = (path.length > 1 ? path.replace(/\/$/, "") : path).split("/");
    for (const { route, segments } of table) {
      const params = match(segments, actual);
      if (params) return { route, params };
    }
    return null;
  };
}

function rank(segments) {
  return segments.map((segment) => (segment.startsWith(":") ? "1" : "0")).join("");
}

function match(segments, actual) {
  if (segments.length !== actual.length) return null;
  const params = {};
  for (const [index, segment] of segments.entries()) {
    if (segment.startsWith(":") && actual[index]) params[segment.slice(1)] = decode(actual[index]);
    else if (segment !== actual[index]) return null;
  }
  return params;
}

function decode(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
