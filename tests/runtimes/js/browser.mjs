// A page in headless Chromium, and a server on this machine alone that answers it from the disk.

import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { versionOf } from "./versions.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const TYPES = { ".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".json": "application/json" };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

/** A server of `files` by name, and of the runtime's own files; its address. */
export function serve(files) {
  const server = createServer(async (request, response) => {
    const name = request.url.split("?")[0].slice(1);
    const place = files[name] ?? join(here, "node_modules/onnxruntime-web/dist", name.split("/").pop());
    const found = await stat(place).catch(() => null);
    if (!found?.isFile()) return response.writeHead(404).end();
    // The files of a name change from one graph to the next.
    response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "content-length": found.size, "cache-control": "no-store" });
    return createReadStream(place).pipe(response);
  });
  return new Promise((ready) => {
    server.listen(0, "127.0.0.1", () => ready({ server, address: `http://127.0.0.1:${server.address().port}/` }));
  });
}

/** Open page.html, beside the other files, and call `inPage` with the page and the browser. */
export async function withPage(files, inPage) {
  const { server, address } = await serve(files);
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(`${address}page.html`);
    return await inPage(page, browser);
  } finally {
    await browser.close();
    server.close();
  }
}

/** Golden batches in a page: calls `work` with the version and a function of (graph, cases, repeat). */
export async function inChromium(work) {
  const files = { "page.html": join(here, "page.html"), "cases.mjs": join(here, "cases.mjs") };
  return withPage(files, async (page, browser) => {
    const version = `${await versionOf("onnxruntime-web")} in Chromium ${browser.version().split(".")[0]}`;
    return work(version, (graph, cases, repeat) => {
      const data = `${basename(graph)}.data`;
      Object.assign(files, { "model.onnx": graph, "cases.json": cases, [data]: `${graph}.data` });
      const beside = existsSync(files[data]) ? [{ path: data, data }] : [];
      return page.evaluate(([beside, repeat]) => globalThis.run(beside, repeat), [beside, repeat]);
    });
  });
}
