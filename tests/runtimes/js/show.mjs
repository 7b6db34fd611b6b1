// node show.mjs FOLDER: opens FOLDER/page.html in Chromium and prints its list, an item a line.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { withPage } from "./browser.mjs";

const folder = process.argv[2];
const files = Object.fromEntries(readdirSync(folder).map((name) => [name, join(folder, name)]));
const lines = await withPage(files, async (page) => {
  await page.waitForSelector("li", { timeout: 60_000 });
  return page.locator("li").allTextContents();
});
console.log(lines.join("\n"));
