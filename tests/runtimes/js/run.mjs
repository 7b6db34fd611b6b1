// node run.mjs onnxruntime-node|onnxruntime-web|chromium GRAPH.onnx CASES.json [--repeat N]
// prints {"runtime", "version", "results"} like selfrec.export.runtimes.
// node run.mjs NAME
// takes a line ["GRAPH.onnx", "CASES.json"] on stdin and prints that of it, and so on: a runtime is started once.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { runCases } from "./cases.mjs";
import { versionOf } from "./versions.mjs";

const [name, ...given] = process.argv.slice(2);

/** Weights beside a graph, which onnxruntime-web has to be given. */
async function beside(graph) {
  const data = await readFile(`${graph}.data`).catch(() => null);
  return data ? { externalData: [{ path: `${basename(graph)}.data`, data }] } : {};
}

async function inNode(name, work) {
  const ort = name === "onnxruntime-node" ? (await import(name)).default : await import("onnxruntime-web/wasm");
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = 1;
  const options = name === "onnxruntime-node" ? { intraOpNumThreads: 1, interOpNumThreads: 1 } : {};
  return work(await versionOf(name), async (graph, cases, repeat) => {
    const session = name === "onnxruntime-node"
      ? await ort.InferenceSession.create(graph, options)
      : await ort.InferenceSession.create(await readFile(graph), await beside(graph));
    try {
      return await runCases(ort, session, JSON.parse(await readFile(cases, "utf8")), repeat);
    } finally {
      await session.release();
    }
  });
}

/** Every graph asked for, one after the other. A pipe takes 64 KB at once; go on when all of it is gone. */
async function work(version, run) {
  for await (const [graph, cases, , repeat = "1"] of given.length ? [given] : asked()) {
    const results = await run(graph, cases, Number(repeat));
    await new Promise((done) => {
      process.stdout.write(`${JSON.stringify({ runtime: name, version, results })}\n`, done);
    });
  }
}

async function* asked() {
  for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line);
}

await (name === "chromium" ? (await import("./browser.mjs")).inChromium(work) : inNode(name, work));
process.exit(0);
