// The page runs in headless Chromium; every file it asks for is answered from the disk, nothing from a network.

import { readFile } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { versionOf } from "./versions.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const ORIGIN = "http://selfrec.test/";
const TYPES = { ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".json": "application/json" };

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });

/** Answer requests below ORIGIN: `files` by name, else the runtime's own files. */
export async function serve(page, files) {
  await page.route("**/*", async (route) => {
    const name = route.request().url().slice(ORIGIN.length);
    const place = files[name] ?? join(here, "node_modules/onnxruntime-web/dist", name.split("/").pop());
    const body = await readFile(place).catch(() => null);
    if (!route.request().url().startsWith(ORIGIN) || body === null) return route.abort();
    return route.fulfill({ body, contentType: TYPES[extname(name)] ?? "application/octet-stream" });
  });
}

/** Golden batches in a page. */
export async function inChromium(graph, cases, repeat) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await serve(page, {
      "page.html": join(here, "page.html"), "cases.mjs": join(here, "cases.mjs"), "model.onnx": graph,
      "cases.json": cases,
    });
    await page.goto(`${ORIGIN}page.html`);
    const results = await page.evaluate((repeat) => globalThis.run(repeat), repeat);
    const version = await versionOf("onnxruntime-web");
    return { version: `${version} in Chromium ${browser.version().split(".")[0]}`, results };
  } finally {
    await browser.close();
  }
}
