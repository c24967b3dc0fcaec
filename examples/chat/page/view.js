// The conversation on the page. `View` has a method for each type of event that changes it.

import { add, count, facts, inBrief, make, markdown, shown, textOf, words } from "./text.js";

export class View {
  /** `actions`: what the user can do: ask(id, text) and answer(approved). */
  constructor(log, announce, actions) {
    this.log = log;
    this.announce = announce;
    this.actions = actions;
    this.clear();
  }

  clear() {
    this.log.replaceChildren();
    this.messages = new Map(); // by message id
    this.blocks = new Map(); // by message and block
    this.tools = new Map(); // by call id: the newest of that id
    this.open = new Set(); // messages that are being written
    this.turn = this.row = this.notes = this.sources = null;
  }

  /** Shows an event of a run, or of the history. */
  show(event) {
    this[event.type]?.(event);
  }

  has(messageId) {
    return this.messages.has(messageId);
  }

  // --- turns: a question, and all that comes of it

  /** Begins a turn; a question that is asked again takes the place of the earlier one. */
  ask(id, text) {
    const earlier = this.log.querySelector(`[data-question="${CSS.escape(id)}"]`);
    if (earlier) {
      while (earlier.nextElementSibling) earlier.nextElementSibling.remove();
      earlier.remove();
    }
    for (const choice of this.log.querySelectorAll(".ask .choice")) choice.remove(); // too late
    this.begin();
    this.turn.dataset.question = id;
    const question = make("article", "said");
    question.setAttribute("aria-label", "You");
    add(question, "div", "words", text);
    const edit = add(question, "button", "quiet edit", "Edit");
    edit.onclick = () => this.edit(id, question);
    this.turn.prepend(question);
    this.button(this.turn.lastChild, "quiet again", "Regenerate", () => this.actions.ask(id, text));
  }

  begin() {
    this.turn = add(this.log, "section", "turn");
    add(this.turn, "div", "actions");
    this.row = this.notes = this.sources = null;
  }

  /** Puts an element at the end of the turn, before its buttons. */
  put(...elements) {
    if (!this.turn) this.begin();
    this.turn.lastChild.before(...elements);
    return elements[0];
  }

  edit(id, question) {
    const [wording, button] = question.children;
    const form = make("form", "editor");
    const text = add(form, "textarea", "", wording.textContent);
    text.maxLength = 4000;
    text.setAttribute("aria-label", "Edit your question");
    const close = () => {
      form.replaceWith(wording, button);
      button.focus();
    };
    const cancel = this.button(form, "", "Cancel", close);
    cancel.type = "button";
    add(form, "button", "main", "Send");
    form.onsubmit = (event) => {
      event.preventDefault();
      if (text.value.trim()) this.actions.ask(id, text.value.trim());
    };
    text.onkeydown = (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        form.requestSubmit();
      }
    };
    question.replaceChildren(form);
    text.focus();
  }

  button(parent, name, label, onclick) {
    const button = add(parent, "button", name, label);
    button.onclick = onclick;
    return button;
  }

  "message.added"({ message }) {
    if (message.type === "human") this.ask(message.data.id, textOf(message.data.content));
  }

  // --- messages

  /** A place for something new: beside what is still being written, or below it. */
  place() {
    if (!this.open.size || !this.row) this.row = this.put(make("div", "row"));
    return this.row;
  }

  /** Begins a message. One that is here already, after a reload, is written anew. */
  "message.start"(event) {
    const id = event.message_id;
    this.drop(id);
    const message = add(this.place(), "article", "message open");
    message.setAttribute("aria-label", words(event.name ?? event.origin?.node) || "Assistant");
    add(message, "div", "who", words(event.name ?? event.origin?.node));
    this.messages.set(id, message);
    this.open.add(id);
    return message;
  }
  "message.end"(event) {
    this.open.delete(event.message_id);
    this.messages.get(event.message_id)?.classList.remove("open");
    if (event.status === "abandoned") this.drop(event.message_id);
    else if (event.text) this.announce.textContent = event.text;
  }
  "message.removed"(event) {
    this.drop(event.message_id);
  }
  "message.replaced"(event) {
    const text = textOf(event.message?.data?.content);
    const tool = this.tools.get(event.tool_call_id);
    if (tool) return void (tool.result.textContent = text);
    const [first, ...others] = this.messages.get(event.message_id)?.querySelectorAll(".text") ?? [];
    for (const block of others) block.remove();
    if (first) this.write(first, text);
  }
  drop(id) {
    this.messages.get(id)?.remove();
    this.messages.delete(id);
    for (const key of [...this.blocks.keys()]) if (key.startsWith(`${id}/`)) this.blocks.delete(key);
  }

  block(event, build) {
    const key = `${event.message_id}/${event.block_id}`;
    if (!this.blocks.has(key)) {
      const message = this.messages.get(event.message_id) ?? this["message.start"](event);
      this.blocks.set(key, build(message));
    }
    return this.blocks.get(key);
  }

  textBlock(event) {
    return this.block(event, (message) => add(message, "div", "text"));
  }
  "text.delta"(event) {
    const block = this.textBlock(event);
    block.raw = (block.raw ?? "") + event.text;
    block.frame ??= requestAnimationFrame(() => this.write(block, block.raw));
  }
  "text.end"(event) { // the whole text, also after a gap
    this.write(this.textBlock(event), event.text);
  }
  write(block, text) {
    cancelAnimationFrame(block.frame);
    block.frame = null;
    block.replaceChildren(markdown(text));
  }

  "reasoning.start"(event) {
    return this.block(event, (message) => {
      const details = add(message, "details", "reasoning open");
      add(details, "summary", "", "Thinking");
      add(details, "p", "");
      return details;
    });
  }
  "reasoning.delta"(event) {
    this["reasoning.start"](event).lastChild.append(event.text);
  }
  "reasoning.end"(event) {
    const details = this["reasoning.start"](event);
    details.classList.remove("open");
    details.firstChild.textContent = "Thought";
    details.lastChild.textContent = event.text;
  }

  content(event) {
    const { type, refusal, base64, mime_type: mime } = event.block ?? {};
    if (type === "refusal") this.write(this.textBlock(event), refusal);
    if (type !== "image" || !base64) return;
    this.block(event, (message) => {
      const picture = add(message, "img", "picture");
      picture.alt = "Picture made by the model";
      picture.src = `data:${mime ?? "image/png"};base64,${base64}`;
      return picture;
    });
  }

  // --- sources

  citation({ citation }) {
    this.source(citation?.url, citation?.title ?? citation?.document_title);
  }
  "retrieval.end"(event) {
    for (const { metadata } of event.documents ?? []) this.source(metadata?.url, metadata?.title);
  }
  source(url, title) {
    const link = /^https?:\/\//i.test(url ?? "") ? url : null;
    const label = title ?? (link && new URL(link).hostname);
    if (!label) return;
    this.sources ??= this.put(make("ul", "sources"));
    this.sources.setAttribute("aria-label", "Sources");
    const key = link ?? label;
    if ([...this.sources.children].some((it) => it.dataset.key === key)) return;
    const item = add(this.sources, "li", "");
    item.dataset.key = key;
    const chip = add(item, link ? "a" : "span", "chip", label);
    if (link) Object.assign(chip, { href: link, target: "_blank", rel: "noopener noreferrer" });
  }

  // --- tools

  newTool(id, name, parent) {
    const card = add(parent, "details", "tool");
    const head = add(card, "summary", "");
    add(head, "span", "icon").setAttribute("aria-hidden", "true");
    add(head, "span", "name", words(name));
    const tool = { card, args: add(head, "span", "args"), state: add(head, "span", "state"), result: add(card, "pre", "result") };
    this.tools.set(id, tool);
    return tool;
  }
  settle(event, status, state, result) {
    const { tool_call_id: id, name } = event;
    const tool = this.tools.get(id) ?? this.newTool(id, name, this.place());
    tool.card.className = `tool ${status}`;
    tool.state.textContent = state;
    tool.result.textContent = result;
    return tool;
  }

  "tool_call.start"(event) {
    const { state } = this.block(event, (message) => this.newTool(event.tool_call_id, event.name, message));
    state.textContent = "writing";
  }
  "tool_call.delta"(event) {
    this.tools.get(event.tool_call_id)?.args.append(event.args);
  }
  "tool_call.end"(event) {
    const tool = this.block(event, (message) => this.newTool(event.tool_call_id, event.name, message));
    tool.args.textContent = event.error ? event.text : inBrief(event.args);
    tool.state.textContent = event.error ? "broken" : "";
  }

  "tool.start"(event) {
    const { args } = this.settle(event, "running", "running", "");
    args.textContent ||= inBrief(event.input);
  }
  "tool.delta"(event) {
    this.tools.get(event.tool_call_id)?.result.append(shown(event.delta));
  }
  "tool.end"(event) {
    this.settle(event, event.status, event.status === "completed" ? "" : event.status, shown(event.output ?? ""));
  }
  "tool.error"(event) {
    this.settle(event, "failed", "failed", event.error.message ?? "");
  }

  // --- other events

  custom(event) {
    if (event.name === "gap") return this.note(`${event.data.missed} events were missed while away`);
    this.note([words(event.name), facts(event.data)].filter(Boolean).join(": "));
  }
  note(content) {
    let last = this.turn?.lastChild.previousSibling;
    while (last?.matches(".busy, .sources")) last = last.previousSibling;
    if (!this.notes || this.notes !== last) this.notes = this.put(make("div", "notes"));
    add(this.notes, "span", "", content);
  }

  interrupt({ value }) {
    const ask = this.put(make("section", "ask"));
    const question = value?.question ?? shown(value ?? "Go on?");
    ask.setAttribute("aria-label", "Question to you");
    add(ask, "p", "", question);
    const choice = add(ask, "div", "choice");
    for (const [label, approved, name] of [["Book it", true, "main"], ["Not now", false, ""]]) {
      this.button(choice, name, label, () => {
        ask.classList.add("answered");
        choice.remove();
        add(ask, "span", "word", approved ? "You approved." : "You declined.");
        this.actions.answer(approved);
      });
    }
    this.announce.textContent = question;
  }

  /** Ends a run. Parts that are still open, after a lost connection, end as well. */
  end(status, lines) {
    this.open.clear();
    for (const element of this.log.querySelectorAll(".open")) element.classList.remove("open");
    const line = this.put(make("div", `end ${status}`));
    for (const fact of lines.filter(Boolean)) add(line, "span", "", fact);
  }
}

/** The words for the end of a run: how it ended, its tokens and its time. */
export function summary({ status, usage, error }, seconds) {
  if (error) return [`Something went wrong: ${error.name}`];
  const says = { cancelled: "Stopped", incomplete: "Broke off" }[status];
  const tokens = usage && [`${count(usage.input_tokens)} tokens in`, `${count(usage.output_tokens)} out`];
  return [says, ...(tokens ?? []), `${seconds.toFixed(1)} s`];
}
