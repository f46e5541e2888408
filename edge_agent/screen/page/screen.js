// Shows what the kiosk says, and nothing else: scenes from `scenes`, pixels from `picture`. Both come from where this
// page came from, and neither stays: a picture is drawn and let go, a scene is replaced by the next.

const AGAIN_MS = 500; // after a loss, until the kiosk is asked again
const MORE = 1.4; // how much larger than planned the choices become where there is room
const CHINESE = new Intl.Segmenter("zh", { granularity: "word" });
const BROAD = /[\p{Script=Han}\u3000-\u303f\uff00-\uff60]/u;
const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const html = document.documentElement;
const main = document.querySelector("main");
const footer = document.querySelector("footer");
const canvas = document.querySelector("canvas");
const overlay = document.querySelector("#picture > svg");
const ring = document.querySelector("#button .ring");
let view = null;
let seat = null;
let holds = []; // what a hold does, for each choice: made with the scene, so that a press finds it ready
let lit = 0; // the place of the choice that is lit
let held = null; // the picture that is there, or waits for its scene

// -- What is shown -----------------------------------------------------------------------------------------------------

function show(next, place) {
  const entered = view === null || view.stage !== next.stage || view.said[0].large.words !== next.said[0].large.words;
  view = next;
  html.lang = view.lang;
  html.dir = view.dir;
  html.dataset.stage = view.stage;
  html.dataset.options = view.points.length ? "points" : view.options.length > 4 && view.said.length === 1 && !view.picture ? "long" : "";
  html.className = `${view.dark ? "dark" : ""} ${view.options.length ? "" : "any-gesture"} ${view.window && `lantern ${view.window}-lantern`}`;
  way();
  at("camera").className = `${view.seeing ? "seeing" : ""} ${view.camera.length > 1 ? "three" : ""}`;
  sign(at("camera"), view.seeing ? "open" : "shut");
  words(at("camera").lastElementChild, view.camera);
  statement();
  points();
  options();
  beside();
  aside();
  foot(at("press"), lines(view.press));
  holds = view.options.map((option) => lines(option.hold));
  light(place);
  document.title = view.said[0].large.words;
  if (entered) {
    main.classList.remove("enter");
    void main.offsetWidth; // so that the animation begins anew
    main.classList.add("enter");
  }
  fit();
}

// A press only moves the light: nothing else is touched then, and nothing changes its size.
function light(place) {
  lit = place;
  at("options").querySelector("[aria-current]")?.removeAttribute("aria-current");
  at("options").children[place]?.setAttribute("aria-current", "true");
  foot(at("hold"), holds[place] ?? []);
  if (view.picture || overlay.hasChildNodes()) outline(view.options[place]);
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

function outline(chosen) {
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
  const guides = view.picture === "mirror";
  if (view.oval && (guides || chosen.sign === "oval")) marks.push(around(view.oval, "under"), around(view.oval, guides ? "guide" : "lit"));
  view.outlines.forEach((face, index) => {
    marks.push(around(face, "under"), around(face, index === chosen?.outlined ? "lit" : ""));
    const number = made("span", String(index + 1), index === chosen?.outlined ? "lit" : "");
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
  at("aside").classList.toggle("row", view.aside.length > 1 || (view.aside.length === 1 && long(view.aside[0].words) > 40));
  words(at("aside").lastElementChild, view.aside);
}

function foot(paragraph, said) {
  paragraph.style.visibility = said.length ? "" : "hidden";
  paragraph.classList.toggle("three", said.length > 1);
  paragraph.lastElementChild.replaceChildren(...said);
}

function fill(part) {
  ring.style.strokeDashoffset = 1 - part;
  ring.classList.toggle("empty", part === 0);
}

// One statement of two lines: its type becomes smaller until it has no more of them. Then what stands
// over the words on a standing display; then all type, until all of it has its place. What fits stays large, and where there is room, what can
// be chosen is larger still. The footer fits the longest thing that a hold does here, so that no press changes its type.
function fit() {
  const line = at("large").firstElementChild;
  const upright = matchMedia("(orientation: portrait)").matches;
  const short = () => at("large").children.length !== 1 || line.offsetHeight < ((upright ? 4 : 2) + 0.5) * parseFloat(getComputedStyle(line).lineHeight);
  const fits = () => at("fitted").scrollHeight <= at("text").clientHeight && at("fitted").scrollWidth <= at("text").clientWidth;
  ["--fit", "--more", "--window"].forEach((what) => size(what, 1));
  shrink("--statement", 0.6, 1, short);
  if (upright) shrink("--window", view?.window ? 0.5 : 0.8, 1, fits);
  shrink("--fit", 0.3, 1, fits);
  shrink("--more", 1, MORE, fits);
  foot(at("hold"), holds.reduce((most, said) => (long(told(said)) > long(told(most)) ? said : most), []));
  shrink("--foot", 0.6, 1, () => ["press", "hold"].every((id) => at(id).offsetHeight <= room(footer) && at(id).scrollWidth <= at(id).clientWidth));
  foot(at("hold"), holds[lit] ?? []);
  html.dataset.fitted = `${innerWidth}x${innerHeight}`;
}

function size(what, value) {
  html.style.setProperty(what, value);
}

// The largest of the sizes from `least` to `most` at which something holds.
function shrink(what, least, most, holds) {
  size(what, most);
  if (holds()) return;
  let [small, large] = [least, most];
  for (let step = 0; step < 7; step += 1) {
    const middle = (small + large) / 2;
    size(what, middle);
    if (holds()) small = middle;
    else large = middle;
  }
  size(what, small);
}

function room(element) {
  const style = getComputedStyle(element);
  return element.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
}

function told(said) {
  return said.map((part) => part.textContent).join("");
}

// How much room words take in a line: a letter as broad as it is high takes two places.
function long(words) {
  return [...words].reduce((sum, letter) => sum + (BROAD.test(letter) ? 2 : 1), 0);
}

// -- Helpers -----------------------------------------------------------------------------------------------------------

function made(name, text, kind = "") {
  const element = document.createElement(name);
  element.textContent = text;
  element.className = kind;
  return element;
}

// Numbers, codes and names in Latin letters run from left to right in every language, and stay whole where they can; no
// line begins with the stop after them. Chinese, which has no spaces, breaks between its words and not within.
const FIGURES = "[0-9A-Z]{3}(?:-[0-9A-Z]{3})+|\\+?\\d[\\d ()-]*\\d";
const LATIN = new RegExp(`(${FIGURES})`);
const OTHER = new RegExp(`(${FIGURES}|[A-Za-z](?:[\\w'&-]|[ .](?=\\w))*)`);
const OTHERS = /[\p{Script=Arabic}\p{Script=Han}]/u;
const HAN = /\p{Script=Han}/u;
const WHOLE = 24; // letters: a longer name breaks where a line ends, as other words do
const STOPS = /^[.,:;!?\u060c\u061b\u061f\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]+/;

function written(element, text) {
  const parts = text.split(OTHERS.test(text) ? OTHER : LATIN);
  parts.forEach((part, place) => {
    if (place % 2 === 0) {
      element.append(...broken(part));
      return;
    }
    const figures = made("bdi", part);
    figures.dir = "ltr";
    if (part.length > WHOLE) {
      figures.className = "flowing";
      element.append(document.createElement("wbr"), figures);
      return;
    }
    const stops = parts[place + 1].match(STOPS)?.[0] ?? "";
    parts[place + 1] = parts[place + 1].slice(stops.length);
    const together = made("span", "", "together");
    together.append(figures, stops);
    element.append(stops ? together : figures);
  });
  return element;
}

// Where a line may break: in Chinese before each word, elsewhere where there is a space.
function broken(text) {
  if (!HAN.test(text)) return [text];
  const parts = [...CHINESE.segment(text)].map(({ segment, isWordLike }) => (isWordLike ? [document.createElement("wbr"), segment] : [segment]));
  return parts.flat();
}

function spoken(name, said) {
  const element = written(document.createElement(name), said.words);
  element.lang = said.lang;
  element.dir = said.dir;
  return element;
}

// One after the other, in whatever languages; the dots between them belong to none.
function lines(list) {
  return list.flatMap((said, place) => [...(place ? [made("i", "·")] : []), spoken("span", said)]);
}

function words(element, list) {
  element.replaceChildren(...lines(list));
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
  scenes.addEventListener("scene", (event) => {
    const [scene, place] = event.data.split("\n");
    show(JSON.parse(scene), Number(place));
  });
  scenes.addEventListener("lit", (event) => light(Number(event.data)));
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
  holds = [];
  html.className = "dark lost";
  html.dataset.stage = "lost";
  const lines = view === null ? [] : view.lost;
  sign(document.querySelector("h1"), "");
  main.classList.remove("beside");
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
