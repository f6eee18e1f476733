// The frame of every page.

const TITLES = { index: "Chat gateway", openapi: "API reference", playground: "Playground" };

export function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A page: `name` is that of its script, `main` its HTML. */
export function page(name, main, title = TITLES[name]) {
  const script = name === "index" ? "home" : name;
  const link = (href, text, own) => `<a href="${href}"${name === own ? ' aria-current="page"' : ""}>${text}</a>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}${name === "index" ? "" : " - Chat gateway"}</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/site.css">
<link rel="stylesheet" href="/assets/${script}.css">
<script type="module" src="/assets/${script}.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="site">
<a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="22" height="22"><span>Chat gateway</span></a>
<nav aria-label="Site">${link("/docs", "Docs", "docs")}${link("/openapi", "API", "openapi")}${link("/playground", "Playground", "playground")}</nav>
</header>
${main}
</body>
</html>
`;
}
