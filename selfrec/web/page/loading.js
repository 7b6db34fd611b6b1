// Fetch the folder's files, and tell how far that is.

/** Fetches items.json, then the model and the runtime at once. progress(share) is called with 0 to 1. */
export async function loadAll(progress) {
  const facts = await (await get("items.json", { cache: "no-cache" })).json();
  if (facts.format !== 1) throw new Error(`items.json has format ${facts.format}, this page reads 1`);
  const done = [0, 0];
  const total = facts.graph.bytes + facts.runtime_bytes;
  const watched = (index) => (bytes) => {
    done[index] = bytes;
    progress(Math.min((done[0] + done[1]) / total, 1));
  };
  const [graph, wasm] = await Promise.all([
    // The hash in the address: a browser never pairs an old model with new items.
    bytesOf(`model.onnx?${facts.graph.sha256.slice(0, 16)}`, facts.graph.bytes, watched(0)),
    bytesOf("onnxruntime-web.wasm", facts.runtime_bytes, watched(1)),
  ]);
  return { facts, graph, wasm };
}

async function bytesOf(name, expected, watch) {
  const response = await get(name);
  const content = new Uint8Array(expected);
  let size = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (size + value.length > expected) throw new Error(`${name} is longer than items.json says; copy the folder again`);
    content.set(value, size);
    size += value.length;
    watch(size);
  }
  if (size < expected) throw new Error(`${name} has ${size} bytes instead of ${expected}; copy the folder again`);
  return content;
}

async function get(name, options = {}) {
  const response = await fetch(name, options);
  if (!response.ok) throw new Error(`${name}: the server answers ${response.status}; is the folder whole?`);
  return response;
}
