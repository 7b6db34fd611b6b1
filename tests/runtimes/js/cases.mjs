// Golden batches (cases.json) in any JavaScript runtime that has onnxruntime's API. Works in Node and in a page.

const number = (value) => (typeof value === "string" ? Number(value) : value);

/** {type, shape, data | fill} -> a tensor of `ort`. */
export function tensor(ort, { type, shape, data, fill }) {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = data ?? new Array(size).fill(fill);
  if (type === "int64") return new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
  if (type === "string") return new ort.Tensor("string", values, shape);
  return new ort.Tensor("float32", Float32Array.from(values, number), shape);
}

/** The reverse of `tensor`. */
export function plain({ type, dims, data }) {
  const value = (one) => {
    if (type === "string") return one;
    if (type === "int64") return Number.isSafeInteger(Number(one)) ? Number(one) : String(one);
    return Number.isFinite(one) ? one : String(one);
  };
  return { type, shape: [...dims], data: Array.from(data, value) };
}

/** Every batch of cases.json, `repeat` times each. */
export async function runCases(ort, session, { cases }, repeat = 1) {
  const results = [];
  for (const { inputs } of cases) {
    const feeds = {};
    for (const [name, array] of Object.entries(inputs)) feeds[name] = tensor(ort, array);
    const milliseconds = [];
    let outputs;
    try {
      for (let n = 0; n < repeat; n++) {
        const start = performance.now();
        outputs = await session.run(feeds);
        milliseconds.push(performance.now() - start);
      }
    } catch (error) {
      results.push({ error: String(error.message ?? error) });
      continue;
    }
    results.push({ items: plain(outputs.items), scores: plain(outputs.scores), milliseconds });
  }
  return results;
}
