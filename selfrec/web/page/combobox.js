// The search field: an editable combobox with a list, after the ARIA Authoring Practices.

export class Combobox {
  /**
   * input, popup, list, more: elements. find(text): {numbers, total}. draw(option, number): fills an option.
   * choose(number): an item was chosen. tell(text): for a screen reader. back(): Backspace in an empty field.
   */
  constructor({ input, popup, list, more, find, draw, choose, tell, back }) {
    Object.assign(this, { input, popup, list, more, find, draw, choose, tell, back });
    this.numbers = [];
    this.active = -1;
    input.addEventListener("input", () => this.update());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("focus", () => this.update());
    input.addEventListener("blur", () => this.close());
    // The field keeps the focus while the list is clicked or scrolled.
    popup.addEventListener("pointerdown", (event) => event.preventDefault());
    popup.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#pick(Number(option.dataset.at));
    });
  }

  get open() {
    return !this.popup.hidden;
  }

  update() {
    const text = this.input.value;
    if (!text.trim()) return this.close();
    const { numbers, total } = this.find(text);
    this.numbers = numbers;
    this.list.replaceChildren(...numbers.map((number, at) => this.#option(number, at)));
    const rest = total - numbers.length;
    const more = rest ? `${rest.toLocaleString("en")} more; type on to narrow it down` : "";
    this.more.textContent = total ? more : "Nothing in the catalog has this name.";
    this.tell(total ? `${total.toLocaleString("en")} found.` : this.more.textContent);
    this.list.hidden = !total;
    this.popup.hidden = false;
    this.input.setAttribute("aria-expanded", String(total > 0));
    this.#activate(total ? 0 : -1);
    return undefined;
  }

  close() {
    this.popup.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  #option(number, at) {
    const option = document.createElement("li");
    option.id = `option-${at}`;
    option.role = "option";
    option.dataset.at = at;
    this.draw(option, number);
    return option;
  }

  #activate(at) {
    this.active = at;
    [...this.list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === at)));
    if (at < 0) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", `option-${at}`);
    return this.list.children[at].scrollIntoView({ block: "nearest" });
  }

  #pick(at) {
    const number = this.numbers[at];
    this.input.value = "";
    this.close();
    this.choose(number);
  }

  #key(event) {
    const last = this.numbers.length - 1;
    const usable = this.open && last >= 0;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing) return;
    if (step && !this.open) this.update();
    else if (step && usable) this.#activate((this.active + step + last + 1) % (last + 1));
    else if (event.key === "Enter" && usable && this.active >= 0) this.#pick(this.active);
    else if (event.key === "Escape" && (this.open || this.input.value)) {
      if (!this.open) this.input.value = "";
      this.close();
    } else if (event.key === "Backspace" && !this.input.value) return this.back();
    else return;
    event.preventDefault();
  }
}
