import { readFile } from "node:fs/promises";

/** The version of an installed package; its own exports may hide package.json. */
export async function versionOf(name) {
  const place = new URL(`./node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(await readFile(place, "utf8")).version;
}
