"use strict";
// Data: {sampleRate, codecs: [{key, label}], clips: [{name, seconds, versions: [{codec, audio, picture, scores}]}]}; the
// first codec is the original. Sounds lie in elements of their own, and are decoded when they are first wanted.
const data = JSON.parse(document.getElementById("data").textContent);
const FADE_SECONDS = 0.008;
const find = (selector, root = document) => root.querySelector(selector);

function element(name, attributes = {}, ...children) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(...children);
  return made;
}

function randomBelow(count) {
  // 32 random bits; their remainder is fair enough for the small counts here.
  return crypto.getRandomValues(new Uint32Array(1))[0] % count;
}

/** Plays equally long buffers together, in a loop, and lets one of them be heard. */
class Player {
  constructor(context, buffers) {
    this.context = context;
    this.buffers = buffers;
    this.duration = buffers[0].duration;
    this.heard = 0;
    this.sources = [];
    this.offset = 0;
    this.gains = buffers.map((_, index) => {
      const gain = context.createGain();
      gain.gain.value = index === this.heard ? 1 : 0;
      gain.connect(context.destination);
      return gain;
    });
  }

  get playing() {
    return this.sources.length > 0;
  }

  /** Seconds into the sound. */
  get position() {
    if (!this.playing) return this.offset;
    return (this.offset + Math.max(0, this.context.currentTime - this.startedAt)) % this.duration;
  }

  start() {
    if (this.playing) return;
    // One time for all: they begin, and stay, on the same sample.
    this.startedAt = this.context.currentTime + (this.context instanceof OfflineAudioContext ? 0 : 0.02);
    this.sources = this.buffers.map((buffer, index) => {
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.loop = true;
      source.connect(this.gains[index]);
      source.start(this.startedAt, this.offset);
      return source;
    });
  }

  stop() {
    this.offset = this.position;
    this.sources.forEach((source) => { source.stop(); source.disconnect(); });
    this.sources = [];
  }

  seek(seconds) {
    const playing = this.playing;
    this.stop();
    this.offset = Math.min(Math.max(0, seconds), this.duration - 0.001);
    if (playing) this.start();
  }

  /** Hear another buffer: two straight ramps that add up to one, so that nothing clicks or drops out. */
  select(index) {
    this.heard = index;
    const now = this.context.currentTime;
    this.gains.forEach((gain, other) => {
      gain.gain.cancelScheduledValues(now);
      gain.gain.setValueAtTime(gain.gain.value, now);
      gain.gain.linearRampToValueAtTime(other === index ? 1 : 0, now + FADE_SECONDS);
    });
  }

  close() {
    this.stop();
    this.gains.forEach((gain) => gain.disconnect());
  }
}

const sounds = {
  context: null,
  buffers: new Map(),

  open() {
    // At the rate of the sounds: no browser then resamples one of them differently from another.
    this.context ??= new AudioContext({ sampleRate: data.sampleRate });
    if (this.context.state === "suspended") this.context.resume();
    return this.context;
  },

  load(id) {
    if (!this.buffers.has(id)) {
      const text = atob(document.getElementById(id).textContent);
      const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      this.buffers.set(id, this.context.decodeAudioData(bytes.buffer));
    }
    return this.buffers.get(id);
  },
};

let activeDeck = null;

/** A transport: play and pause, position, and a player over the versions that are loaded. */
class Deck {
  constructor(root) {
    this.root = root;
    this.player = null;
    this.wanted = [];
    this.heard = 0;
    this.button = find(".play", root);
    this.slider = find(".transport input", root);
    this.time = find(".time", root);
    this.button.addEventListener("click", () => this.toggle());
    this.slider.addEventListener("input", () => this.seek(Number(this.slider.value)));
    root.addEventListener("pointerdown", () => { activeDeck = this; });
    root.addEventListener("focusin", () => { activeDeck = this; });
  }

  /** The sounds to play, as ids; what plays goes on with them, from the start. */
  async load(ids) {
    const playing = this.player?.playing ?? false;
    this.close();
    this.wanted = ids;
    if (playing) await this.play();
  }

  close() {
    this.player?.close();
    this.player = null;
    this.show();
  }

  async toggle() {
    if (this.player?.playing) this.pause();
    else await this.play();
  }

  async play() {
    activeDeck = this;
    decks.forEach((deck) => deck !== this && deck.pause());
    const ids = this.wanted;
    const context = sounds.open();
    if (!this.player) {
      this.root.setAttribute("aria-busy", "true");
      const buffers = await Promise.all(ids.map((id) => sounds.load(id)));
      this.root.removeAttribute("aria-busy");
      if (ids !== this.wanted || this.player) return; // another sound was chosen meanwhile
      this.player = new Player(context, buffers);
      this.player.select(this.heard);
      this.player.seek(Number(this.slider.value) * this.player.duration);
    }
    this.player.start();
    this.show();
    const follow = () => {
      if (!this.player?.playing) return;
      this.showPosition();
      requestAnimationFrame(follow);
    };
    follow();
  }

  pause() {
    if (!this.player?.playing) return;
    this.player.stop();
    this.show();
  }

  hear(index) {
    this.heard = index;
    this.player?.select(index);
  }

  seek(share) {
    if (this.player) this.player.seek(share * this.player.duration);
    this.showPosition(share);
  }

  show() {
    const playing = this.player?.playing ?? false;
    this.root.classList.toggle("playing", playing);
    find(".word", this.button).textContent = playing ? "Pause" : "Play";
    this.showPosition();
  }

  showPosition(share = this.player ? this.player.position / this.player.duration : 0) {
    this.slider.value = share;
    this.root.style.setProperty("--at", share);
    this.time.textContent = `${(share * (this.seconds ?? 0)).toFixed(1)} s`;
    this.slider.setAttribute("aria-valuetext", this.time.textContent);
  }
}

function clipOptions(select, ...more) {
  select.replaceChildren(...more, ...data.clips.map((clip, index) => element("option", { value: index, textContent: clip.title })));
}

/** The open comparison: all versions of one sound, with their pictures. */
class Compare extends Deck {
  constructor(root) {
    super(root);
    this.select = find("#compare-clip");
    clipOptions(this.select);
    this.select.addEventListener("change", () => this.showClip());
    this.showClip();
  }

  showClip() {
    const clip = data.clips[this.select.value];
    this.seconds = clip.seconds;
    this.heard = Math.min(this.heard, clip.versions.length - 1);
    find("#versions").replaceChildren(...clip.versions.map((version, index) => this.card(clip, version, index)));
    this.load(clip.versions.map((version) => version.audio));
  }

  card(clip, version, index) {
    const codec = data.codecs[version.codec];
    const radio = element("input", { type: "radio", name: "version", value: index, checked: index === this.heard });
    radio.addEventListener("change", () => this.hear(index));
    const picture = element("span", { className: "picture" },
      element("img", { src: version.picture, alt: `Spectrogram of ${codec.label}`, width: 480, height: 200 }),
      element("span", { className: "axis high", textContent: `${data.sampleRate / 2000} kHz` }),
      element("span", { className: "axis low", textContent: "0" }),
      element("span", { className: "axis end", textContent: `${clip.seconds.toFixed(1)} s` }));
    return element("label", { className: "version" }, radio,
      element("span", { className: "name", textContent: codec.label }),
      element("span", { className: "scores", textContent: version.scores }), picture);
  }

  choose(index) {
    const radio = find(`#versions input[value="${index}"]`);
    if (!radio) return;
    radio.checked = true;
    radio.focus({ preventScroll: true });
    this.hear(index);
  }

  key(key) {
    if (/^[1-9]$/.test(key)) this.choose(Number(key) - 1);
    else if (key === "ArrowDown" || key === "ArrowUp") {
      const count = data.clips[this.select.value].versions.length;
      this.choose((this.heard + (key === "ArrowDown" ? 1 : count - 1)) % count);
    } else return false;
    return true;
  }
}

const MODES = {
  abx: {
    names: ["A", "B", "X"],
    votes: ["X is A", "X is B"],
    keys: "<kbd>Space</kbd> play or pause, <kbd>A</kbd> <kbd>B</kbd> <kbd>X</kbd> what you hear, <kbd>1</kbd> X is A, <kbd>2</kbd> X is B",
  },
  preference: {
    names: ["A", "B", "O"],
    votes: ["A is better", "B is better", "No difference"],
    keys: "<kbd>Space</kbd> play or pause, <kbd>A</kbd> <kbd>B</kbd> <kbd>O</kbd> what you hear, <kbd>1</kbd> A is better, <kbd>2</kbd> B is better, <kbd>3</kbd> no difference",
  },
};

/** Probability of at least `right` of `count` by tossing a coin. */
function chance(right, count) {
  let term = 0.5 ** count, sum = 0;
  for (let k = 0; k <= count; k++) {
    if (k >= right) sum += term;
    term *= (count - k) / (k + 1);
  }
  return sum;
}

/** The blind test: A, B and X (or the original), votes, and at the end what was what. */
class Trial extends Deck {
  constructor(root) {
    super(root);
    this.clipSelect = find("#trial-clip");
    clipOptions(this.clipSelect, element("option", { value: "", textContent: "Another one each time" }));
    this.pair = [find("#first"), find("#second")];
    this.pair.forEach((select, place) => {
      select.replaceChildren(...data.codecs.map((codec, index) => element("option", { value: index, textContent: codec.label })));
      select.value = data.pair[place];
      select.addEventListener("change", () => this.startOver());
    });
    this.clipSelect.addEventListener("change", () => this.next());
    root.querySelectorAll("[name=mode]").forEach((radio) => radio.addEventListener("change", () => this.startOver()));
    find("#reveal").addEventListener("click", () => this.reveal());
    find("#save").addEventListener("click", () => this.save());
    find("#reset").addEventListener("click", () => this.startOver());
    this.startOver();
  }

  get mode() {
    return find("[name=mode]:checked", this.root).value;
  }

  startOver() {
    const mode = MODES[this.mode];
    this.votes = [];
    find("#result").hidden = true;
    find(".switches", this.root).replaceChildren(...mode.names.map((name, index) => {
      const button = element("button", { type: "button", textContent: name });
      button.addEventListener("click", () => this.hear(index));
      return button;
    }));
    find(".votes", this.root).replaceChildren(...mode.votes.map((text, index) => {
      const button = element("button", { type: "button", textContent: text });
      button.addEventListener("click", () => this.vote(index));
      return button;
    }));
    find("#trial-keys").innerHTML = mode.keys;
    const labels = this.pair.map((select) => data.codecs[select.value].label);
    const switches = [...find(".switches", this.root).children];
    const under = this.mode === "abx" ? [...labels, "one of them"] : ["hidden", "hidden", "original"];
    under.forEach((text, index) => switches[index].append(element("small", { textContent: text })));
    find("#question").textContent = this.mode === "abx"
      ? `A is ${labels[0]}, B is ${labels[1]}. X is one of the two: which?`
      : `A and B are ${labels[0]} and ${labels[1]}, in an order that you do not know. Which is nearer to the original, O?`;
    this.next();
  }

  /** Draw what is hidden, and load it. */
  next() {
    const clip = this.clipSelect.value === "" ? randomBelow(data.clips.length) : Number(this.clipSelect.value);
    const codecs = this.pair.map((select) => Number(select.value));
    const hidden = randomBelow(2);
    const played = this.mode === "abx"
      ? [...codecs, codecs[hidden]]
      : [codecs[hidden], codecs[1 - hidden], 0];
    this.current = { mode: this.mode, clip, played };
    const versions = data.clips[clip].versions;
    this.seconds = data.clips[clip].seconds;
    this.hear(0);
    this.showCount();
    const same = codecs[0] === codecs[1];
    find(".votes", this.root).querySelectorAll("button").forEach((button) => { button.disabled = same; });
    return this.load(played.map((codec) => versions.find((version) => version.codec === codec).audio));
  }

  hear(index) {
    super.hear(index);
    [...find(".switches", this.root).children].forEach((button, other) => button.setAttribute("aria-pressed", other === index));
  }

  vote(answer) {
    const { mode, clip, played } = this.current;
    if (this.pair[0].value === this.pair[1].value || !find("#result").hidden) return;
    this.votes.push({ mode, clip, played, answer, right: mode === "abx" ? played[answer] === played[2] : null });
    this.next();
  }

  showCount() {
    const count = this.votes.length;
    const same = this.pair[0].value === this.pair[1].value;
    find("#count").textContent = same ? "Choose two different versions."
      : count === 0 ? "No votes yet. Ten make a verdict."
      : `${count} ${count === 1 ? "vote" : "votes"}. Next one.`;
    ["#reveal", "#save", "#reset"].forEach((id) => { find(id).disabled = count === 0; });
  }

  reveal() {
    const result = find("#result");
    const label = (codec) => data.codecs[codec].label;
    const rows = this.votes.map((vote, number) => {
      const answer = MODES[vote.mode].votes[vote.answer];
      const truth = vote.mode === "abx" ? `X was ${label(vote.played[2])}` : `A ${label(vote.played[0])}, B ${label(vote.played[1])}`;
      const last = vote.mode === "abx" ? (vote.right ? "right" : "wrong") : vote.answer === 2 ? "no difference" : label(vote.played[vote.answer]);
      return [String(number + 1), data.clips[vote.clip].title, truth, answer, last];
    });
    result.replaceChildren(
      element("p", { className: "verdict", textContent: this.verdict() }),
      element("div", { className: "scroll", tabIndex: 0 }, table(["Vote", "Sound", "What it was", "You said", this.mode === "abx" ? "" : "Better"], rows)));
    result.hidden = false;
    find("#count").textContent = `${this.votes.length} ${this.votes.length === 1 ? "vote" : "votes"}.`;
    find(".votes", this.root).querySelectorAll("button").forEach((button) => { button.disabled = true; });
    result.focus();
  }

  verdict() {
    const count = this.votes.length;
    if (this.mode === "abx") {
      const right = this.votes.filter((vote) => vote.right).length;
      const percent = 100 * chance(right, count);
      const odds = percent < 0.1 ? "less than 0.1" : percent.toPrecision(2);
      const meaning = percent < 5 ? "You hear the difference." : "That is no proof of a difference.";
      return `${right} of ${count} right. Who guesses gets as many in ${odds} % of all tests. ${meaning}`;
    }
    const wins = this.pair.map((select) => {
      const codec = Number(select.value);
      const won = this.votes.filter((vote) => vote.answer < 2 && vote.played[vote.answer] === codec).length;
      return `${data.codecs[codec].label} ${won}`;
    });
    return `Better: ${wins.join(", ")}; no difference ${this.votes.filter((vote) => vote.answer === 2).length}.`;
  }

  save() {
    const label = (codec) => data.codecs[codec].label;
    const head = ["vote", "mode", "sound", "A", "B", "X or O", "answer", "right"];
    const lines = this.votes.map((vote, number) => [number + 1, vote.mode, data.clips[vote.clip].name,
      ...vote.played.map(label), MODES[vote.mode].votes[vote.answer], vote.right ?? ""]);
    const quote = (value) => `"${String(value).replaceAll('"', '""')}"`;
    const text = [head, ...lines].map((line) => line.map(quote).join(",") + "\n").join("");
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: "votes.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  key(key) {
    const mode = MODES[this.mode];
    const heard = mode.names.indexOf(key.toUpperCase());
    if (heard >= 0) this.hear(heard);
    else if (/^[1-3]$/.test(key) && Number(key) <= mode.votes.length) this.vote(Number(key) - 1);
    else return false;
    return true;
  }
}

function table(head, rows) {
  return element("table", {},
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { textContent: text, scope: "col", className: "text" })))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((text) => element("td", { textContent: text, className: "text" }))))));
}

const decks = [];
if (data.clips.length) {
  decks.push(new Compare(find("#compare")), new Trial(find("#trial")));
  activeDeck = decks[0];
}

document.addEventListener("keydown", (event) => {
  if (!activeDeck || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("select, a")) return;
  // A, B and X mean the blind test, wherever one is.
  if (/^[abxo]$/i.test(event.key)) activeDeck = decks[1];
  const onOwnButton = event.target.closest("button:not(.play)");
  if (event.key === " " && onOwnButton) return;
  if (event.target.name === "mode" && event.key.startsWith("Arrow")) return;
  if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
  if (event.key === " ") activeDeck.toggle();
  else if (!activeDeck.key(event.key)) return;
  event.preventDefault();
});
window.report = { Player, Trial, decks, sounds, chance };
