// Shows the description of the API. Everything in it goes into the page as text.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function examplesOf(operation) {
  const asked = operation.requestBody ? [["", operation.requestBody]] : [];
  return [...asked, ...Object.entries(operation.responses ?? {})]
    .map(([status, part]) => [status, part?.content?.["application/json"]])
    .filter(([, content]) => content && "example" in content)
    .map(([status, content]) => [status, content.example]);
}

function routeOf(path, method, operation) {
  const title = element("h2", "", element("span", "route-method", method.toUpperCase()), path);
  const route = element("section", "route card", title);
  for (const text of [operation.summary, operation.description]) {
    if (text) route.append(element("p", "", text));
  }
  for (const [status, example] of examplesOf(operation)) {
    if (status) route.append(element("p", "", status));
    route.append(element("pre", "", JSON.stringify(example, null, 2)));
  }
  return route;
}

export function routesOf(description) {
  return Object.entries(description.paths).flatMap(([path, operations]) =>
    METHODS.filter((method) => method in operations).map((method) => routeOf(path, method, operations[method])),
  );
}

const place = globalThis.document?.getElementById("routes");
if (place) {
  try {
    const answer = await fetch(place.dataset.description, { headers: { Accept: "application/json" } });
    place.replaceChildren(...routesOf(await answer.json()));
  } catch { // no answer, or a page: the sign-in, say
    place.replaceChildren(element("p", "message message-bad", place.dataset.lost));
  }
}
