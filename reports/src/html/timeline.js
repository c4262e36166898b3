// Moves the timeline that the page already holds: zoom, drag, labels where there is room. Also copies the replay
// command and filters tables. Positions are recomputed from data-a and data-b (microseconds), as timeline.rs does.
"use strict";

function timeline(svg) {
  const left = +svg.dataset.left, right = +svg.dataset.right, bottom = +svg.dataset.bottom;
  const range = text => text.split(" ").map(Number);
  const whole = range(svg.dataset.all);
  const LETTER = 6.2;
  const spans = [...svg.querySelectorAll("rect[data-a]")].map(node => ({
    node, a: +node.dataset.a, b: +node.dataset.b, least: +node.dataset.least,
  }));
  const faults = [...svg.querySelectorAll("text.fault")].map(node => ({ node, a: +node.dataset.a, b: +node.dataset.b }));
  const marks = spans.filter(span => span.node.classList.contains("mark"));
  const lanes = new Map();
  for (const span of spans.filter(span => span.node.classList.contains("op"))) {
    span.proof = span.node.classList.contains("proof");
    const lane = span.node.dataset.lane;
    if (!lanes.has(lane)) lanes.set(lane, []);
    lanes.get(lane).push(span);
  }
  for (const lane of lanes.values()) lane.sort((one, other) => one.a - other.a);
  const labels = svg.querySelector(".labels"), axis = svg.querySelector(".axis");
  let [low, high] = range(svg.dataset.proof || svg.dataset.all);
  let waiting = false;

  const x = time => left + (time - low) / (high - low) * (right - left);
  const element = (name, attributes, text) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    return node;
  };

  function draw() {
    waiting = false;
    for (const span of spans) {
      const seen = span.b >= low && span.a <= high;
      span.node.style.display = seen ? "" : "none";
      if (!seen) continue;
      const from = Math.max(x(span.a), left - 2000), to = Math.min(x(span.b), right + 2000);
      span.node.setAttribute("x", from.toFixed(1));
      span.node.setAttribute("width", Math.max(span.least, to - from).toFixed(1));
    }
    for (const fault of faults) drawFault(fault);
    drawAxis();
    drawLabels();
  }

  function drawFault(fault) {
    const from = Math.max(x(fault.a), left), letters = Math.floor((Math.min(x(fault.b), right) - from - 8) / LETTER);
    const text = fault.node.dataset.text;
    fault.node.setAttribute("x", (from + 5).toFixed(1));
    fault.node.textContent = letters < 3 ? "" : text.length <= letters ? text : text.slice(0, letters - 1) + "…";
  }

  function drawAxis() {
    const rough = (high - low) / 10, power = 10 ** Math.floor(Math.log10(rough));
    const step = Math.max(1, [1, 2, 5, 10].map(factor => factor * power).find(step => step >= rough) || power * 10);
    const digits = Math.min(6, Math.max(0, 6 - Math.floor(Math.log10(step))));
    const nodes = [];
    for (let tick = Math.ceil(low / step); tick * step <= high; tick++) {
      const at = x(tick * step).toFixed(1);
      nodes.push(element("line", { x1: at, x2: at, y1: 24, y2: bottom }));
      nodes.push(element("text", { x: at, y: bottom + 18, "text-anchor": "middle" }, (tick * step / 1e6).toFixed(digits) + " s"));
    }
    axis.replaceChildren(...nodes);
  }

  // Proving operations are always labelled; others and marks where the label covers nothing.
  function drawLabels() {
    const nodes = [];
    for (const lane of lanes.values()) {
      const seen = lane.filter(span => span.b >= low && span.a <= high);
      const taken = [];
      for (const span of [...seen.filter(span => span.proof), ...seen.filter(span => !span.proof)]) {
        const text = span.node.querySelector("title").textContent.split("\n")[0];
        const width = text.length * (span.proof ? 7.2 : LETTER) + 8;
        let from = Math.max(x(span.b), x(span.a) + span.least) + 5;
        if (span.proof && from + width > right) from = Math.max(left, Math.min(x(span.a), right) - width);
        if (taken.some(([start, end]) => from < end && start < from + width)) continue;
        if (!span.proof) {
          const next = seen[seen.indexOf(span) + 1];
          if (seen.length > 200 || from + width > right || (next && x(next.a) < from + width)) continue;
        }
        taken.push([from, from + width]);
        const y = +span.node.getAttribute("y") + (+span.node.getAttribute("height")) / 2 + 4;
        nodes.push(element("text", { x: from.toFixed(1), y, class: span.proof ? "proof" : "" }, text));
      }
    }
    const free = new Map();
    for (const mark of marks) {
      if (mark.a < low || mark.a > high) continue;
      const text = mark.node.dataset.text, lane = mark.node.dataset.lane, from = x(mark.a) + 5;
      if ((free.get(lane) || 0) > from) continue;
      free.set(lane, from + text.length * LETTER + 8);
      nodes.push(element("text", { x: from.toFixed(1), y: +mark.node.getAttribute("y") + 10 }, text));
    }
    labels.replaceChildren(...nodes);
  }

  function show(from, to) {
    const span = Math.min(Math.max(to - from, 500), whole[1] - whole[0]);
    low = Math.min(Math.max(from, whole[0]), whole[1] - span);
    high = low + span;
    if (!waiting) { waiting = true; requestAnimationFrame(draw); }
  }
  function zoom(factor, around) {
    show(around - (around - low) * factor, around + (high - around) * factor);
  }
  // Where the pointer is, in time.
  function pointed(event) {
    const box = svg.getBoundingClientRect();
    const unit = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    return low + (Math.min(Math.max(unit, left), right) - left) / (right - left) * (high - low);
  }

  svg.addEventListener("wheel", event => {
    // With everything in view the page scrolls on.
    if (event.deltaY > 0 && high - low >= whole[1] - whole[0]) return;
    event.preventDefault();
    zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 250), pointed(event));
  }, { passive: false });
  let grip = null;
  svg.addEventListener("pointerdown", event => { grip = { x: event.clientX, low, high }; });
  window.addEventListener("pointerup", () => { grip = null; });
  window.addEventListener("pointermove", event => {
    if (!grip) return;
    const perUnit = (grip.high - grip.low) / (right - left) * svg.viewBox.baseVal.width / svg.getBoundingClientRect().width;
    const moved = (event.clientX - grip.x) * perUnit;
    show(grip.low - moved, grip.high - moved);
  });
  for (const button of document.querySelectorAll("button[data-view]")) {
    button.addEventListener("click", () => {
      const view = button.dataset.view, middle = (low + high) / 2;
      if (view === "in" || view === "out") zoom(view === "in" ? 0.5 : 2, middle);
      else show(...range(view === "proof" ? svg.dataset.proof : svg.dataset.all));
    });
  }
  draw();
}

for (const svg of document.querySelectorAll("svg#timeline")) timeline(svg);

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.addEventListener("click", () => {
    const done = () => { button.textContent = "Copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(button.dataset.copy).then(done);
  });
}

for (const input of document.querySelectorAll("input[data-filter]")) {
  const rows = [...document.getElementById(input.dataset.filter).tBodies[0].rows];
  input.addEventListener("input", () => {
    const wanted = input.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}
