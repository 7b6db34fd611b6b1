// Search the catalog by name. Pure: no page, no network.

const ASCII = /^[\x20-\x7e]*$/;

/** Lower case, accents and other marks dropped, ß as ss, runs of white space as one space. */
export function fold(text) {
  return (ASCII.test(text) ? text.toLowerCase() : plain(text)).replace(/\s+/g, " ").trim();
}

function plain(text) {
  const lower = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return lower.replaceAll("ß", "ss").replaceAll("ς", "σ");
}

export class Search {
  /** names: text of item n. ids: the user's own keys, or null where they are the names. */
  constructor(names, ids) {
    this.names = names.map(fold);
    this.ids = ids === null ? null : ids.map(fold);
  }

  /**
   * The first `limit` items that have every word of the query in their name, or an id that starts with the query.
   * Names that start with the query come first, then those where each word starts one, then the rest; within each,
   * by item number, which is by popularity.
   *
   * @returns {{numbers: number[], total: number}}
   */
  find(query, limit) {
    const wanted = fold(query);
    if (!wanted) return { numbers: [], total: 0 };
    const words = wanted.split(" ");
    const best = [], good = [], rest = [];
    let total = 0;
    for (let number = 0; number < this.names.length; number++) {
      const name = this.names[number];
      const id = this.ids === null ? "" : this.ids[number];
      const named = words.every((word) => name.includes(word));
      if (!named && !id.startsWith(wanted)) continue;
      total++;
      // A full group takes no more, so what is behind it need not be told apart: most of the time for short queries.
      if (id === wanted || name.startsWith(wanted)) push(best, number, limit);
      else if (good.length >= limit) continue;
      else if (!named || words.every((word) => startsWord(name, word))) good.push(number);
      else push(rest, number, limit);
    }
    return { numbers: best.concat(good, rest).slice(0, limit), total };
  }
}

function push(numbers, number, limit) {
  if (numbers.length < limit) numbers.push(number);
}

function startsWord(name, word) {
  for (let at = name.indexOf(word); at !== -1; at = name.indexOf(word, at + 1)) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(name[at - 1])) return true;
  }
  return false;
}
