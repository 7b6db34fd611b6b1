// The page: what was picked, and what is shown. Names are data: they only ever become textContent.
import { Combobox } from "./combobox.js";
import { loadAll } from "./loading.js";
import { Recommender } from "./recommender.js";
import { Search } from "./search.js";

const FOUND = 12, STEP = 10;
const at = (id) => document.getElementById(id);

/** An element with a class, a text and attributes. */
function make(tag, className, text, attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Page {
  constructor(facts, recommender) {
    this.facts = facts;
    this.recommender = recommender;
    this.liked = [];
    this.hidden = [];
    this.list = [];
    this.shown = STEP;
    this.asked = 0;
    const search = new Search(facts.names, facts.ids);
    this.combobox = new Combobox({
      input: at("search"), popup: at("popup"), list: at("found"), more: at("found-more"),
      find: (text) => search.find(text, FOUND),
      draw: (option, number) => this.#drawOption(option, number),
      choose: (number) => this.toggle(number),
      tell: (text) => (at("status").textContent = text),
      back: () => this.liked.length && this.remove(this.liked, this.liked.at(-1), "liked"),
    });
    at("clear").addEventListener("click", () => this.clear());
    at("more").addEventListener("click", () => this.#showMore());
    at("list").addEventListener("click", (event) => this.#clicked(event));
    for (const [id, numbers] of [["liked", this.liked], ["hidden", this.hidden]]) {
      at(id).addEventListener("click", (event) => {
        const button = event.target.closest("button");
        if (button) this.remove(numbers, Number(button.dataset.number), id);
      });
    }
  }

  name(number) {
    return this.facts.names[number].trim() || `Item ${number}`;
  }

  /** What stands under a name: the second text column, or how popular the item is. */
  detail(number) {
    return this.facts.details?.[number].trim() || `popularity ${this.facts.popularity[number].toLocaleString("en")}`;
  }

  toggle(number) {
    if (this.liked.includes(number)) return this.remove(this.liked, number, "liked", false);
    if (this.hidden.includes(number)) this.hidden.splice(this.hidden.indexOf(number), 1);
    this.liked.push(number);
    return this.changed(`${this.name(number)} added.`);
  }

  hide(number) {
    this.hidden.push(number);
    return this.changed(`${this.name(number)} will not be recommended.`);
  }

  /** Take a chip away; the focus goes to its neighbour, or to the search field. */
  remove(numbers, number, id, refocus = true) {
    const place = numbers.indexOf(number);
    const wasInside = at(id).contains(document.activeElement);
    numbers.splice(place, 1);
    const done = this.changed(`${this.name(number)} removed.`);
    if (refocus && wasInside) {
      const buttons = at(id).querySelectorAll("button");
      (buttons[Math.min(place, buttons.length - 1)] ?? at("search")).focus();
    }
    return done;
  }

  clear() {
    this.liked.length = this.hidden.length = 0;
    at("search").focus();
    return this.changed("Everything removed.");
  }

  /** Draw the chips now and the list when it is computed; an answer that was overtaken is dropped. */
  async changed(message) {
    this.#drawChips();
    const mine = ++this.asked;
    this.shown = STEP;
    let answer;
    try {
      answer = await this.recommender.recommend(this.liked.slice(), this.hidden.slice());
    } catch (error) {
      return fail(error);
    }
    if (mine !== this.asked) return undefined;
    this.list = answer.items;
    this.#drawList();
    at("list").dataset.answer = mine;
    at("results").textContent = this.liked.length ? "Recommended for you" : "Most chosen by everyone";
    const time = `${answer.milliseconds < 10 ? answer.milliseconds.toFixed(1) : Math.round(answer.milliseconds)} ms`;
    at("time").textContent = `computed in ${time}`;
    if (message) this.#say(message, time);
    return undefined;
  }

  #say(message, time) {
    const first = this.list.slice(0, 3).map(({ number }) => this.name(number)).join("; ");
    const found = this.list.length ? `New list in ${time}. First: ${first}.` : "Nothing is left to recommend.";
    at("status").textContent = `${message} ${found}`;
  }

  #drawOption(option, number) {
    option.append(make("bdi", "name", this.name(number)));
    const state = this.liked.includes(number) ? "chosen" : this.hidden.includes(number) ? "not for you" : "";
    option.append(make("span", "detail", state || this.detail(number)));
  }

  #drawChips() {
    for (const [id, numbers] of [["liked", this.liked], ["hidden", this.hidden]]) {
      at(`${id}-part`).hidden = !numbers.length;
      at(id).replaceChildren(...numbers.map((number) => this.#chip(number)));
    }
  }

  #chip(number) {
    const chip = make("li", "chip");
    const button = make("button", "remove", "×", { type: "button", "aria-label": `Remove ${this.name(number)}` });
    button.dataset.number = number;
    chip.append(make("bdi", "name", this.name(number)), button);
    return chip;
  }

  /** The list anew; the focus stays at its place in it, though another item stands there now. */
  #drawList() {
    const focused = document.activeElement?.closest?.("#list button");
    const place = focused ? [...at("list").children].indexOf(focused.closest("li")) : -1;
    at("list").replaceChildren(...this.list.slice(0, this.shown).map((line, index) => this.#line(line, index)));
    at("more").hidden = this.shown >= this.list.length;
    if (!this.list.length) at("list").append(make("li", "empty", "Nothing is left to recommend."));
    if (place < 0) return;
    const line = at("list").children[Math.min(place, at("list").children.length - 1)];
    (line.querySelector(`button[data-does=${focused.dataset.does}]`) ?? at("results")).focus({ preventScroll: true });
  }

  #line({ number, score }, index) {
    const line = make("li", "line");
    line.dataset.number = number;
    const text = make("div", "text");
    text.append(make("bdi", "name", this.name(number)), make("span", "detail", this.detail(number)));
    const shown = make("data", "score", undefined, { value: score, title: "Score of the model" });
    shown.append(make("span", "unseen", "score "), score.toFixed(3));
    line.append(make("span", "rank", index + 1, { "aria-hidden": "true" }), text, shown);
    line.append(this.#button("like", "Like", number), this.#button("hide", "Not for me", number));
    return line;
  }

  #button(does, text, number) {
    const button = make("button", does, text, { type: "button", "aria-label": `${text}: ${this.name(number)}` });
    Object.assign(button.dataset, { does, number });
    return button;
  }

  #clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const number = Number(button.dataset.number);
    // A second click on a line whose answer is still under way.
    if (this.liked.includes(number) || this.hidden.includes(number)) return;
    if (button.dataset.does === "like") this.toggle(number);
    else this.hide(number);
  }

  #showMore() {
    const before = this.shown;
    this.shown += STEP;
    this.#drawList();
    at("list").children[before]?.querySelector("button").focus();
  }
}

function fail(error) {
  at("loading").hidden = true;
  at("failure").textContent = `This page cannot recommend: ${error.message}`;
  at("failure").hidden = false;
}

async function start() {
  const { facts, graph, wasm } = await loadAll((share) => {
    at("loading-bar").value = share;
  });
  at("loading-text").textContent = "Starting the model …";
  const page = new Page(facts, await Recommender.open(wasm, graph, facts));
  await page.changed("");
  at("loading").hidden = true;
  at("page").hidden = false;
  at("search").disabled = false;
  at("facts").textContent = `${facts.items.toLocaleString("en")} items. The model, ${size(facts.graph.bytes)}, `
    + "runs in this browser; no request is made after it has loaded.";
  document.documentElement.dataset.ready = "true";
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

start().catch(fail);
