// Shows what the kiosk says, and nothing else: scenes from `scenes`, pixels from `picture`. Both come from where this
// page came from, and neither stays: a picture is drawn and let go, a scene is replaced by the next.

const AGAIN_MS = 500; // after a loss, until the kiosk is asked again
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const html = document.documentElement;
const main = document.querySelector("main");
const canvas = document.querySelector("canvas");
const overlay = document.querySelector("#picture > svg");
const ring = document.querySelector("#button .ring");
let view = null;
let seat = null;
let held = null; // the picture that is there, or waits for its scene

// -- What is shown -----------------------------------------------------------------------------------------------------

function show(next) {
  if (view !== null && !html.classList.contains("lost") && same(view, next)) {
    view = next;
    light();
    return;
  }
  const entered = view === null || view.stage !== next.stage || view.said[0].large.words !== next.said[0].large.words;
  view = next;
  html.lang = view.lang;
  html.dir = view.dir;
  html.dataset.stage = view.stage;
  html.dataset.options = view.points.length ? "points" : view.options.length > 4 && view.said.length === 1 && !view.picture ? "long" : "";
  html.className = `${view.dark ? "dark" : ""} ${view.window && `lantern ${view.window}-lantern`}`;
  way();
  at("camera").className = `${view.seeing ? "seeing" : ""} ${view.camera.length > 1 ? "three" : ""}`;
  sign(at("camera"), view.seeing ? "open" : "shut");
  words(at("camera").lastElementChild, view.camera);
  statement();
  points();
  options();
  beside();
  aside();
  foot(at("press"), view.press);
  light();
  document.title = view.said[0].large.words;
  if (entered) {
    main.classList.remove("enter");
    void main.offsetWidth; // so that the animation begins anew
    main.classList.add("enter");
  }
  fit();
}

// A press only moves the light: nothing else is touched then, and nothing changes its size.
const LIGHT = new Set(["lit", "hold", "oval", "outlined"]);

function same(one, other) {
  return Object.keys(one).every((key) => LIGHT.has(key) || JSON.stringify(one[key]) === JSON.stringify(other[key]));
}

function light() {
  [...at("options").children].forEach((item, place) => {
    item.ariaCurrent = place === view.lit ? "true" : null;
  });
  foot(at("hold"), view.hold);
  outline();
}

function way() {
  const row = Array.from({ length: view.lanterns }, (_, place) => {
    const lantern = drawn("lantern");
    lantern.classList.toggle("lit", place < view.lantern);
    return lantern;
  });
  at("way").replaceChildren(...row);
  at("way").ariaLabel = view.way.words;
  at("way").lang = view.way.lang;
  at("way").style.visibility = view.lantern ? "" : "hidden";
}

function statement() {
  const alone = view.said.length === 1;
  sign(document.querySelector("h1"), alone ? view.sign : "");
  const lines = view.said.map(({ large, small }) => {
    const line = sentences(large);
    if (!alone && small) line.append(" ", written(made("span", "", "small"), small.words));
    return line;
  });
  at("large").replaceChildren(...lines);
  at("small").replaceChildren(...(alone && view.said[0].small ? [spoken("p", view.said[0].small)] : []));
  at("before").replaceChildren(...view.before.map((line) => spoken("p", line)));
}

function points() {
  const items = view.points.map((point) => {
    const item = document.createElement("li");
    item.append(drawn(point.sign), spoken("span", point.words));
    return item;
  });
  at("points").replaceChildren(...items);
  at("points").hidden = !items.length;
}

function options() {
  const items = view.options.map((option) => {
    const item = document.createElement("li");
    const text = document.createElement("span");
    words(text, option.words);
    item.append(drawn(option.sign), text);
    item.classList.toggle("minor", option.minor);
    return item;
  });
  at("options").replaceChildren(...items);
  at("options").hidden = !items.length;
}

function beside() {
  at("window").toggleAttribute("hidden", !view.window);
  at("picture").hidden = !view.picture;
  at("code").hidden = !view.code_squares.length;
  const something = Boolean(view.window || view.picture || view.code_squares.length);
  main.classList.toggle("beside", something);
  at("beside").hidden = !something;
  at("picture").className = `${view.picture} ${view.picture === "portrait" ? "" : "mirrored"}`;
  canvas.ariaLabel = view.picture_label.words;
  paint();
  code(view.code, view.code_squares, view.code_label.words);
}

function outline() {
  const marks = [];
  const numbers = [];
  const around = ([x, y, w, h], kind) => {
    // from the brows and the chin to the whole head
    const ellipse = document.createElementNS(SVG, "ellipse");
    const place = { cx: x + w / 2, cy: y + h / 2 - h * 0.06, rx: w * 0.68, ry: h * 0.82 };
    Object.entries(place).forEach(([name, value]) => ellipse.setAttribute(name, value * 1000));
    ellipse.setAttribute("class", kind);
    return ellipse;
  };
  if (view.oval) marks.push(around(view.oval, "under"), around(view.oval, view.picture === "faces" ? "lit" : "guide"));
  view.outlines.forEach((face, index) => {
    marks.push(around(face, "under"), around(face, index === view.outlined ? "lit" : ""));
    const number = made("span", String(index + 1), index === view.outlined ? "lit" : "");
    number.style.left = `${(1 - face[0] - face[2] / 2) * 100}%`; // the picture is mirrored, its numbers are not
    number.style.top = `${Math.min(0.94, face[1] + face[3] * 1.26) * 100}%`;
    numbers.push(number);
  });
  overlay.replaceChildren(...marks);
  at("numbers").replaceChildren(...numbers);
}

function code(symbols, rows, label) {
  const squares = rows.flatMap((row, y) => [...row.matchAll(/1+/g)].map((run) => `M${run.index} ${y}h${run[0].length}v1h-${run[0].length}z`));
  const drawing = document.querySelector("#code svg");
  drawing.setAttribute("viewBox", `0 0 ${rows.length} ${rows.length}`);
  drawing.ariaLabel = symbols && `${label}: ${symbols}`;
  drawing.firstElementChild.setAttribute("d", squares.join(""));
  document.querySelector("#code p").textContent = symbols;
}

function aside() {
  sign(at("aside"), view.aside_sign);
  at("aside").classList.toggle("said", view.aside.length > 0);
  at("aside").classList.toggle("three", view.aside.length > 1);
  at("aside").classList.toggle("row", view.aside.length > 1 || (view.aside[0]?.words.length ?? 0) > 40);
  words(at("aside").lastElementChild, view.aside);
}

function foot(paragraph, said) {
  paragraph.style.visibility = said.length ? "" : "hidden";
  paragraph.classList.toggle("three", said.length > 1);
  words(paragraph.lastElementChild, said);
}

function fill(part) {
  ring.style.strokeDashoffset = 1 - part;
  ring.classList.toggle("empty", part === 0);
}

// Make the type smaller until all of it has its place. What fits stays large.
function fit() {
  const size = (value) => html.style.setProperty("--fit", value);
  const fits = () => at("fitted").scrollHeight <= at("text").clientHeight && at("fitted").scrollWidth <= at("text").clientWidth;
  size(1);
  if (!fits()) {
    let [small, large] = [0.3, 1];
    for (let step = 0; step < 7; step += 1) {
      const middle = (small + large) / 2;
      size(middle);
      if (fits()) small = middle;
      else large = middle;
    }
    size(small);
  }
  html.dataset.fitted = `${innerWidth}x${innerHeight}`;
}

// -- Helpers -----------------------------------------------------------------------------------------------------------

function made(name, text, kind = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = kind;
  return element;
}

// Numbers and codes run from left to right in every language.
const FIGURES = /([0-9A-Z]{3}(?:-[0-9A-Z]{3})+|\+?\d[\d ()-]*\d)/;

function written(element, text) {
  const parts = text.split(FIGURES).map((part, place) => {
    if (place % 2 === 0) return part;
    const figures = made("bdi", part);
    figures.dir = "ltr";
    return figures;
  });
  element.append(...parts);
  return element;
}

function spoken(name, said) {
  const element = written(document.createElement(name), said.words);
  element.lang = said.lang;
  element.dir = said.dir;
  return element;
}

// One after the other, in whatever languages; the dots between them belong to none.
function words(element, list) {
  const lines = list.flatMap((said, place) => [...(place ? [made("i", "·")] : []), spoken("span", said)]);
  element.replaceChildren(...lines);
}

// Lines break between sentences first.
function sentences(said) {
  const line = spoken("span", { ...said, words: "" });
  const found = new Intl.Segmenter(said.lang, { granularity: "sentence" }).segment(said.words);
  line.append(...[...found].map(({ segment }) => written(made("span", "", "sentence"), segment)));
  return line;
}

function drawn(name) {
  const picture = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#s-${name}`);
  picture.setAttribute("class", "sign");
  picture.setAttribute("aria-hidden", "true");
  picture.append(use);
  return picture;
}

function sign(element, name) {
  const picture = element.querySelector(".sign");
  picture.toggleAttribute("hidden", !name);
  picture.firstElementChild.setAttribute("href", `#s-${name}`);
}

// -- Where it comes from -----------------------------------------------------------------------------------------------

function listen() {
  const scenes = new EventSource("scenes");
  scenes.addEventListener("seat", (event) => {
    seat = event.data;
    watch(seat);
  });
  scenes.addEventListener("scene", (event) => show(JSON.parse(event.data)));
  scenes.addEventListener("ring", (event) => fill(Number(event.data)));
  scenes.onerror = () => {
    scenes.close();
    lose();
    setTimeout(listen, AGAIN_MS);
  };
}

// Ask for one picture after the other: the next is asked for when this one is drawn, so they never queue up.
async function watch(mine) {
  let number = 0;
  while (seat === mine) {
    const answer = await fetch(`picture/${mine}/${number}`).catch(() => null);
    if (answer === null || !(answer.ok || answer.status === 204)) return;
    const news = Number(answer.headers.get("Picture-Number"));
    if (answer.status === 200) await draw(await answer.blob(), answer.headers.get("Picture-Kind"), mine);
    else if (news !== number) forget();
    number = news;
  }
}

async function draw(blob, kind, mine) {
  const picture = await createImageBitmap(blob);
  if (seat !== mine) {
    picture.close(); // the kiosk went while it was being read: it is nobody's any more
    return;
  }
  held?.picture.close();
  held = { kind, picture };
  paint();
}

// A picture may come before its scene or after it; it is never seen in another's.
function paint() {
  const right = held !== null && view !== null && held.kind === view.picture;
  canvas.width = right ? held.picture.width : 1; // which also wipes it
  canvas.height = right ? held.picture.height : 1;
  if (right) canvas.getContext("2d").drawImage(held.picture, 0, 0);
}

function forget() {
  held?.picture.close();
  held = null;
  paint();
}

// The kiosk is gone, or somebody else watches: nothing of anybody stays here.
function lose() {
  seat = null;
  forget();
  fill(0);
  html.className = "dark lost";
  html.dataset.stage = "lost";
  const lines = view === null ? [] : view.lost;
  sign(document.querySelector("h1"), "");
  at("large").replaceChildren(...lines.map((line) => spoken("span", line)));
  ["before", "small", "points", "options"].forEach((id) => at(id).replaceChildren());
  code("", [], "");
  document.title = "Homeward";
  fit();
}

addEventListener("resize", fit);
document.fonts.ready.then(fit);
lose();
listen();
