// The model: one ONNX graph, run by onnxruntime-web on one thread.
import * as ort from "./onnxruntime-web.js";

export class Recommender {
  /**
   * wasm, graph: bytes of onnxruntime-web.wasm and model.onnx. facts: what items.json says of the model.
   */
  static async open(wasm, graph, facts) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = wasm;
    ort.env.logLevel = "error";
    const session = await ort.InferenceSession.create(graph, { executionProviders: ["wasm"] });
    return new Recommender(session, facts);
  }

  constructor(session, facts) {
    this.session = session;
    this.facts = facts;
    this.bias = new ort.Tensor("float32", new Float32Array(facts.items), [facts.items]);
    this.busy = Promise.resolve();
  }

  /**
   * The list for someone who likes these item numbers (oldest first) and wants neither them nor the hidden ones.
   *
   * @returns {Promise<{items: {number: number, score: number}[], milliseconds: number}>}
   */
  recommend(liked, hidden) {
    // A session runs one call at a time.
    const answer = this.busy.then(() => this.#run(liked, hidden));
    this.busy = answer.catch(() => {});
    return answer;
  }

  async #run(liked, hidden) {
    const start = performance.now();
    const feeds = this.#feeds(liked.slice(-this.facts.max_history), [...liked, ...hidden]);
    const { items, scores } = await this.session.run(feeds);
    const milliseconds = performance.now() - start;
    const list = [];
    for (let slot = 0; slot < scores.data.length; slot++) {
      // -inf: fewer items were left than the list is long.
      if (scores.data[slot] > -Infinity) list.push({ number: Number(items.data[slot]), score: scores.data[slot] });
    }
    for (const output of [items, scores]) output.dispose();
    return { items: list, milliseconds };
  }

  #feeds(history, excluded) {
    const length = Math.max(history.length, 1);
    const feeds = {
      history: this.#numbers(history),
      weights: new ort.Tensor("float32", Float32Array.from({ length }, (_, at) => (at < history.length ? 1 : 0)), [1, length]),
      exclude: this.#numbers(excluded),
      item_bias: this.bias,
    };
    // Neutral values: no age and nothing of the user is known here.
    if (this.facts.ages) feeds.ages = new ort.Tensor("float32", new Float32Array(length), [1, length]);
    const width = this.facts.user_features;
    if (width) feeds.user_features = new ort.Tensor("float32", new Float32Array(width), [1, width]);
    return feeds;
  }

  /** int64[1, at least 1] item numbers; N, the number after the last item, is padding. */
  #numbers(numbers) {
    const padded = numbers.length ? numbers : [this.facts.items];
    return new ort.Tensor("int64", BigInt64Array.from(padded, BigInt), [1, padded.length]);
  }
}
