// node run.mjs onnxruntime-node|onnxruntime-web|chromium GRAPH.onnx CASES.json [--repeat N]
// prints {"runtime", "version", "results"} like selfrec.export.runtimes.

import { readFile } from "node:fs/promises";
import { runCases } from "./cases.mjs";
import { versionOf } from "./versions.mjs";

const [name, graph, cases, , repeat = "1"] = process.argv.slice(2);

async function inNode(name) {
  const ort = name === "onnxruntime-node" ? (await import(name)).default : await import("onnxruntime-web/wasm");
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
  const options = name === "onnxruntime-node" ? { intraOpNumThreads: 1, interOpNumThreads: 1 } : {};
  const session = await ort.InferenceSession.create(
    name === "onnxruntime-node" ? graph : await readFile(graph), options);
  return runCases(ort, session, JSON.parse(await readFile(cases, "utf8")), Number(repeat));
}

const results = name === "chromium"
  ? await (await import("./browser.mjs")).inChromium(graph, cases, Number(repeat))
  : { version: await versionOf(name), results: await inNode(name) };
// A pipe takes 64 KB at once; leave when all of it is gone.
process.stdout.write(`${JSON.stringify({ runtime: name, ...results })}\n`, () => process.exit(0));
