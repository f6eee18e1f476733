// The site: the start page, the documentation, the API reference.

import { test } from "node:test";
import { axe, screenshots, useBrowser, useGateway } from "./harness.js";

const browser = useBrowser();
const gateway = useGateway();

test("the pages open", async () => {
  for (const path of ["/", "/docs", "/openapi", "/playground"]) {
    await browser.visit(gateway, { path }, async (page) => {
      await axe(page);
      await screenshots(page, `skeleton${path.replace("/", "-")}`);
    });
  }
});
