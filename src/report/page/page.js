'use strict';
(() => {
const $ = id => document.getElementById(id);
const root = document.documentElement;
const SVG = 'http://www.w3.org/2000/svg';

// ---- Light and dark ------------------------------------------------------------------------------------------------
const prefersDark = matchMedia('(prefers-color-scheme: dark)');
const isDark = () => (root.dataset.theme || (prefersDark.matches ? 'dark' : 'light')) === 'dark';
const theme = $('theme');
const nameTheme = () => { theme.textContent = isDark() ? 'Light' : 'Dark'; };
theme.hidden = false;
theme.onclick = () => { root.dataset.theme = isDark() ? 'light' : 'dark'; nameTheme(); redraw(); };
prefersDark.addEventListener('change', () => { nameTheme(); redraw(); });
nameTheme();

// ---- The command to repeat -----------------------------------------------------------------------------------------
for (const button of document.querySelectorAll('button.copy')) {
  button.hidden = false;
  button.onclick = async () => {
    const code = button.parentElement.querySelector('code');
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = 'Selected';
    }
  };
}

// ---- The data ------------------------------------------------------------------------------------------------------
let redraw = () => {};
const source = $('data');
if (!source) return;
const data = JSON.parse(source.textContent);
const DIGITS = {};
[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].forEach((c, i) => { DIGITS[c] = i; });
const FIELDS = ['id', 'time', 'latency', 'late', 'process', 'what', 'key', 'node', 'input', 'output', 'error'];
const n = data.shown;
const ops = {};
for (const field of FIELDS) ops[field] = new Float64Array(n);
{
  let at = 0;
  const text = data.operations;
  const next = () => {
    let number = 0, scale = 1;
    for (;;) {
      const digit = DIGITS[text[at++]];
      number += (digit & 31) * scale;
      if (digit < 32) return number;
      scale *= 32;
    }
  };
  for (let i = 0; i < n; i++) {
    for (const field of FIELDS) ops[field][i] = next();
    if (i) {
      ops.id[i] += ops.id[i - 1];
      ops.time[i] += ops.time[i - 1];
    }
  }
}
const OUTCOMES = ['ok', 'info', 'fail'];
const OUTCOME_NAMES = ['ok', 'unknown', 'failed'];
const begin = i => ops.time[i] / 1e6;
const isOpen = i => ops.latency[i] === 0;
const finish = i => isOpen(i) ? data.end : (ops.time[i] + ops.latency[i] - 1) / 1e6;
const took = i => finish(i) - begin(i) + ops.late[i] / 1e6;
const outcome = i => ops.what[i] % 3;
const fn = i => Math.floor(ops.what[i] / 3);
const byId = new Map();
for (let i = 0; i < n; i++) byId.set(ops.id[i], i);
const marks = new Set();
for (const anomaly of data.anomalies) for (const id of anomaly.operations) if (byId.has(id)) marks.add(byId.get(id));
const contradictions = new Set(data.anomalies.map(anomaly => byId.get(anomaly.contradiction)));

// ---- Numbers and words ---------------------------------------------------------------------------------------------
const count = x => x.toString().replace(/\B(?=(\d{3})+$)/g, ',');
const seconds = s => {
  const three = x => x < 9.995 ? x.toFixed(2) : x < 99.95 ? x.toFixed(1) : x.toFixed(0);
  if (s < 999.5e-6) return three(s * 1e6) + ' µs';
  if (s < 0.9995) return three(s * 1e3) + ' ms';
  return three(s) + ' s';
};
const moment = t => t.toFixed(6) + ' s';
const value = id => data.values[id];
const action = i => {
  const name = data.functions[fn(i)];
  let text = name;
  const input = value(ops.input[i]);
  if (ops.input[i]) text += ' ' + (name === 'cas' ? input.replace(/^\[(\S+) (\S+)\]$/, '$1 to $2') : input);
  if (outcome(i) === 0 && ops.output[i] !== ops.input[i] && (ops.output[i] || !ops.input[i])) {
    text += ' → ' + value(ops.output[i]);
  }
  return text + ['', ' ?', ' ✗'][outcome(i)];
};
const facts = i => [
  ['Operation', '#' + ops.id[i]],
  ['What', action(i)],
  ['Key', ops.key[i] ? data.keys[ops.key[i]] : ''],
  ['Outcome', OUTCOME_NAMES[outcome(i)]],
  ['Error', ops.error[i] ? data.errors[ops.error[i]] : ''],
  ['Process', String(ops.process[i])],
  ['Node', ops.node[i] ? data.nodes[ops.node[i] - 1] : ''],
  ['Invoked', moment(begin(i))],
  ['Completed', isOpen(i) ? 'never' : moment(finish(i))],
  ['Latency', (isOpen(i) ? 'more than ' : '') + seconds(took(i))],
].filter(fact => fact[1] !== '');

// ---- What is shown -------------------------------------------------------------------------------------------------
const view = { from: 0, to: data.end };
const filter = { fn: -1, node: -1, key: '', process: '', outcomes: [true, true, true], marked: false };
let selected = -1;
const passes = i =>
  (filter.fn < 0 || fn(i) === filter.fn)
  && (filter.node < 0 || ops.node[i] - 1 === filter.node)
  && (filter.key === '' || data.keys[ops.key[i]] === filter.key)
  && (filter.process === '' || String(ops.process[i]) === filter.process)
  && filter.outcomes[outcome(i)]
  && (!filter.marked || marks.has(i));
const inView = i => begin(i) <= view.to && finish(i) >= view.from;

const [LEFT, RIGHT, TOP, BOTTOM] = data.space;
const timeToX = width => t => LEFT + (t - view.from) / (view.to - view.from) * (width - LEFT - RIGHT);
const xToTime = (x, width) => view.from + (x - LEFT) / (width - LEFT - RIGHT) * (view.to - view.from);

// The same rules as in the static charts.
const oneTwoFive = least => {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map(digit => digit * power).find(step => step >= least * (1 - 1e-9));
};
const timeStep = least => {
  if (least > 7200) return 3600 * oneTwoFive(least / 3600);
  if (least <= 5) return oneTwoFive(least);
  return [10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200].find(step => step >= least);
};
const timeLabel = (at, step) => {
  const decimals = step >= 1 ? 0 : Math.ceil(-Math.log10(step) - 1e-9);
  if (data.end <= 180) return at.toFixed(decimals) + ' s';
  const whole = Math.floor(at + 1e-9);
  const two = x => String(x).padStart(2, '0');
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const text = h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  return decimals ? text + Math.max(0, at - whole).toFixed(decimals).replace(/^0/, '') : text;
};
const ticks = width => {
  const wanted = Math.max(2, Math.floor((width - LEFT - RIGHT) / 100));
  const step = timeStep((view.to - view.from) / wanted);
  const list = [];
  for (let i = Math.ceil(view.from / step - 1e-9); i * step <= view.to + step * 1e-9 && list.length < 60; i++) {
    list.push([i * step, timeLabel(i * step, step)]);
  }
  return list;
};

// ---- Charts --------------------------------------------------------------------------------------------------------
const element = (name, attributes, parent) => {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (parent) parent.append(made);
  return made;
};
const f1 = x => Math.round(x * 10) / 10;
const charts = data.charts.map(chart => {
  const svg = $('chart-' + chart.id);
  return {
    ...chart, svg, part: name => svg.querySelector(':scope > .' + name),
    cross: element('path', { class: 'cross' }, svg),
    selection: element('rect', { class: 'selection', y: TOP, height: chart.height, width: 0 }, svg),
  };
});
const toY = (chart, place) => f1(TOP + (1 - place) * chart.height);

function drawChart(chart) {
  const width = Math.max(240, chart.svg.parentElement.clientWidth);
  const x = timeToX(width);
  chart.width = width;
  chart.svg.setAttribute('viewBox', `0 0 ${width} ${TOP + chart.height + BOTTOM}`);
  chart.svg.querySelector('clipPath rect').setAttribute('width', width - LEFT - RIGHT);
  chart.part('grid').querySelector('path')
    .setAttribute('d', chart.grid.map(place => `M${LEFT} ${toY(chart, place)}H${width - RIGHT}`).join(''));
  const times = chart.part('xt');
  times.textContent = '';
  const list = ticks(width);
  element('path', { d: list.map(([at]) => `M${f1(x(at))} ${TOP}v${chart.height}`).join('') }, times);
  for (const [at, label] of list) {
    if (x(at) > width - RIGHT + 1) continue;
    element('text', { x: f1(x(at)), y: TOP + chart.height + 17, 'text-anchor': 'middle' }, times).textContent = label;
  }
  const bands = chart.part('bands');
  if (bands) {
    data.bands.forEach(([from, to], i) => {
      bands.children[i].querySelector('path').setAttribute('d', box(x, from, to, TOP, TOP + chart.height));
    });
  }
  const plot = chart.part('plot');
  if (chart.scatter) drawScatter(chart, plot, x);
  else chart.layers.forEach((layer, i) => drawLayer(chart, layer, plot.children[i], x));
}

// Kept near the view: browsers do not draw well what is a million pixels away.
const bounded = px => f1(Math.max(-1e4, Math.min(1e5, px)));
const box = (x, from, to, top, bottom) => {
  const left = bounded(x(from));
  return `M${left} ${top}H${Math.max(left + 1, bounded(x(to)))}V${bottom}H${left}z`;
};
function drawLayer(chart, layer, group, x) {
  const area = ([from, to, low, high]) => box(x, from, to, toY(chart, high), toY(chart, low));
  if (layer.titled) {
    layer.titled.forEach((one, i) => group.children[i].querySelector('path').setAttribute('d', area(one)));
    return;
  }
  let d = '';
  if (layer.boxes) d = layer.boxes.map(area).join('');
  for (const line of layer.lines || []) {
    for (let i = 0; i < line.length; i += 2) {
      d += `${i ? 'L' : 'M'}${bounded(x(line[i]))} ${toY(chart, line[i + 1])}`;
    }
    // A single point is a line of no length, which a round end makes a dot.
    if (line.length === 2) d += 'h.1';
  }
  const path = group.querySelector('path');
  if (path) path.setAttribute('d', d);
}

const CELL = 4, SHADES = 4, POINTS_MOST = [5000, 20000, 20000];
function drawScatter(chart, plot, x) {
  plot.textContent = '';
  const [low, high] = chart.scatter.map(Math.log);
  const place = i => Math.min(1, Math.max(0, (Math.log(Math.max(took(i), 1e-9)) - low) / (high - low)));
  const groups = new Map();
  const totals = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    if (begin(i) < view.from || begin(i) > view.to || !passes(i)) continue;
    totals[outcome(i)]++;
    if (!groups.has(ops.what[i])) groups.set(ops.what[i], []);
    groups.get(ops.what[i]).push(i);
  }
  for (let kind = 0; kind < 3; kind++) {
    if (totals[kind] * (kind ? 1 : data.weight) <= POINTS_MOST[kind]) continue;
    const columns = Math.floor((chart.width - LEFT - RIGHT) / CELL), rows = Math.floor(chart.height / CELL);
    const held = new Float64Array(columns * rows);
    for (const [what, list] of groups) {
      if (what % 3 !== kind) continue;
      for (const i of list) {
        const column = Math.min(columns - 1, Math.floor((x(begin(i)) - LEFT) / CELL));
        held[Math.min(rows - 1, Math.floor(place(i) * rows)) * columns + column]++;
      }
      groups.delete(what);
    }
    const most = held.reduce((a, b) => Math.max(a, b), 1);
    const shades = Array.from({ length: SHADES }, () => '');
    held.forEach((holds, cell) => {
      if (!holds) return;
      const shade = Math.ceil(Math.log(holds + 1) / Math.log(most + 1) * SHADES);
      const left = LEFT + cell % columns * CELL, top = TOP + chart.height - (Math.floor(cell / columns) + 1) * CELL;
      shades[Math.min(SHADES, Math.max(1, shade)) - 1] += `M${left} ${top}h${CELL}v${CELL}h-${CELL}z`;
    });
    shades.forEach((d, i) => {
      if (d) element('path', { d }, element('g', { class: `${OUTCOMES[kind]} cell d${i + 1}` }, plot));
    });
  }
  const points = (list, style, glyph) => {
    const [path, open] = data.glyphs[glyph];
    const d = list.map(i => `M${f1(x(begin(i)))} ${toY(chart, place(i))}${path}`).join('');
    element('path', { d }, element('g', { class: `${style} ${open}` }, plot));
  };
  [...groups].sort((a, b) => b[1].length - a[1].length)
    .forEach(([what, list]) => points(list, OUTCOMES[what % 3], Math.floor(what / 3) % 6));
  points([...marks].filter(passes), 'anomaly', 6);
  if (selected >= 0) points([selected], 'shape', 6);
}

// ---- Timeline ------------------------------------------------------------------------------------------------------
const canvas = $('lanes').querySelector('canvas');
const lane = new Float64Array(n);
{
  const processes = [...new Set(ops.process)].sort((a, b) => a - b);
  const rank = new Map(processes.map((process, i) => [process, i]));
  for (let i = 0; i < n; i++) lane[i] = data.workers ? ops.process[i] % data.workers : rank.get(ops.process[i]);
}
let layout = { lanes: [], place: new Map(), height: 20 };
function drawTimeline() {
  const style = getComputedStyle(root);
  const colour = name => style.getPropertyValue(name).trim();
  const used = new Map();
  let matching = 0;
  for (let i = 0; i < n; i++) {
    if (!passes(i)) continue;
    matching++;
    if (!used.has(lane[i])) used.set(lane[i], ops.process[i]);
  }
  const lanes = [...used.keys()].sort((a, b) => a - b);
  const height = Math.max(3, Math.min(24, Math.floor(760 / Math.max(1, lanes.length))));
  layout = { lanes, place: new Map(lanes.map((id, i) => [id, i])), height };
  const width = Math.max(240, canvas.parentElement.clientWidth);
  const bottom = TOP + Math.max(1, lanes.length) * height;
  const ratio = devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = (bottom + BOTTOM) * ratio;
  canvas.style.height = bottom + BOTTOM + 'px';
  const pen = canvas.getContext('2d');
  pen.scale(ratio, ratio);
  const font = size => `${size}px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif`;
  const x = timeToX(width);
  pen.strokeStyle = colour('--line');
  pen.fillStyle = colour('--soft');
  pen.font = font(12);
  pen.textAlign = 'center';
  for (const [at, label] of ticks(width)) {
    pen.beginPath();
    pen.moveTo(x(at), TOP);
    pen.lineTo(x(at), bottom);
    pen.stroke();
    if (x(at) < width - RIGHT + 1) pen.fillText(label, x(at), bottom + 17);
  }
  pen.textAlign = 'right';
  const every = Math.ceil(13 / height);
  lanes.forEach((id, i) => {
    const y = TOP + i * height;
    pen.fillStyle = colour('--soft');
    if (i % every === 0) pen.fillText((data.workers ? 'worker ' : 'process ') + (data.workers ? id : used.get(id)), LEFT - 8, y + height / 2 + 4);
    pen.fillStyle = colour('--track');
    pen.fillRect(LEFT, y + height - 1, width - LEFT - RIGHT, 1);
  });
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, width - LEFT - RIGHT, bottom + 2);
  pen.clip();
  pen.textAlign = 'left';
  pen.globalAlpha = Number(colour('--band'));
  data.bands.forEach(([from, to], i) => {
    pen.fillStyle = colour('--k' + data.kinds[i] % 8);
    pen.fillRect(x(from), TOP, Math.max(1, x(to) - x(from)), bottom - TOP);
  });
  pen.globalAlpha = 1;
  let shown = 0;
  const thick = Math.max(1, height - Math.min(6, height * .3));
  const bar = (i, fill, alpha) => {
    const left = x(begin(i)), right = x(finish(i)), y = TOP + layout.place.get(lane[i]) * height + (height - thick) / 2;
    const [from, across] = [Math.max(left, LEFT - 4), Math.max(1.2, Math.min(right, width) - Math.max(left, LEFT - 4))];
    pen.globalAlpha = alpha;
    pen.fillStyle = fill;
    pen.fillRect(from, y, across, thick);
    pen.globalAlpha = 1;
    return [from, y, across];
  };
  const label = (i, [from, y, across], ink) => {
    if (height < 15 || across < 34) return;
    pen.save();
    pen.beginPath();
    pen.rect(from, y, across - 3, thick);
    pen.clip();
    pen.fillStyle = ink;
    pen.font = font(11);
    pen.fillText((ops.key[i] ? data.keys[ops.key[i]] + ': ' : '') + action(i), from + 4, y + thick / 2 + 4);
    pen.restore();
  };
  const paints = [colour('--ok'), colour('--info'), colour('--fail')];
  const inks = isDark() ? ['#0b1216', '#0b1216', '#0b1216'] : ['#ffffff', '#1a1e22', '#1a1e22'];
  for (let kind = 0; kind < 3; kind++) {
    for (let i = 0; i < n; i++) {
      if (outcome(i) !== kind || !inView(i) || !passes(i)) continue;
      shown++;
      if (!marks.has(i)) label(i, bar(i, paints[kind], isOpen(i) ? .35 : .85), inks[kind]);
    }
  }
  for (const i of marks) {
    if (!inView(i) || !passes(i)) continue;
    const [from, y, across] = bar(i, contradictions.has(i) ? colour('--anomaly') : paints[outcome(i)], 1);
    pen.strokeStyle = colour('--anomaly');
    pen.lineWidth = 2;
    pen.strokeRect(from - 1.5, y - 1.5, across + 3, thick + 3);
    label(i, [from, y, across], inks[outcome(i)]);
  }
  if (selected >= 0 && inView(selected) && passes(selected)) {
    const y = TOP + layout.place.get(lane[selected]) * height + (height - thick) / 2;
    pen.strokeStyle = colour('--ink');
    pen.lineWidth = 2;
    pen.strokeRect(x(begin(selected)) - 3, y - 3, Math.max(1.2, x(finish(selected)) - x(begin(selected))) + 6, thick + 6);
  }
  pen.restore();
  $('count').textContent = matching === 0
    ? 'No operation matches the filter.'
    : `${count(shown)} of ${count(data.total)} operations are in view` + (matching < n ? ', after the filter' : '')
      + (n < data.total ? ` (this page has ${count(n)} of them)` : '') + '.';
  $('lanes').dataset.shown = shown;
  if ($('rows').open) fillRows();
}

// ---- Details -------------------------------------------------------------------------------------------------------
const tip = $('tip');
function showTip(i, event) {
  tip.hidden = i < 0;
  if (i < 0) return;
  tip.textContent = facts(i).slice(1).map(fact => fact.join(': ')).join('\n');
  const space = tip.getBoundingClientRect();
  tip.style.left = Math.max(8, Math.min(innerWidth - space.width - 8, event.clientX + 14)) + 'px';
  tip.style.top = (event.clientY + 18 + space.height > innerHeight ? event.clientY - space.height - 12 : event.clientY + 18) + 'px';
}
function select(i) {
  selected = i;
  const detail = $('detail');
  detail.hidden = i < 0;
  const list = detail.querySelector('dl');
  list.textContent = '';
  if (i >= 0) {
    for (const [name, text] of facts(i)) {
      list.append(Object.assign(document.createElement('dt'), { textContent: name }));
      list.append(Object.assign(document.createElement('dd'), { textContent: text }));
    }
  }
  redraw();
}
function fillRows() {
  const body = $('rows').querySelector('tbody');
  body.textContent = '';
  for (let i = 0, rows = 0; i < n && rows < 200; i++) {
    if (!inView(i) || !passes(i)) continue;
    rows++;
    const row = body.insertRow();
    const cells = ['#' + ops.id[i], ops.process[i], ops.node[i] ? data.nodes[ops.node[i] - 1] : '', ops.key[i] ? data.keys[ops.key[i]] : '',
      action(i), moment(begin(i)), isOpen(i) ? 'never' : seconds(took(i))];
    for (const text of cells) row.insertCell().textContent = text;
  }
}
$('rows').addEventListener('toggle', () => { if ($('rows').open) fillRows(); });

// ---- One view for all ----------------------------------------------------------------------------------------------
let waiting = false;
redraw = () => {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    charts.forEach(drawChart);
    drawTimeline();
    drawPointer();
    const all = view.from <= 0 && view.to >= data.end;
    const digits = Math.min(6, Math.max(1, Math.ceil(2.5 - Math.log10(view.to - view.from))));
    $('view').textContent = all ? `the whole run, ${seconds(data.end)}`
      : `${view.from.toFixed(digits)} s to ${view.to.toFixed(digits)} s`;
    $('zoom-reset').disabled = all;
    root.dataset.view = `${view.from} ${view.to}`;
  });
};
function setView(from, to) {
  const span = Math.min(data.end, Math.max(data.end * 1e-7, 2e-6, to - from));
  view.from = Math.max(0, Math.min(data.end - span, from));
  view.to = view.from + span;
  redraw();
}
const zoom = (factor, at = (view.from + view.to) / 2) =>
  setView(at - (at - view.from) * factor, at + (view.to - at) * factor);
const pan = part => setView(view.from + part * (view.to - view.from), view.to + part * (view.to - view.from));
const ACTIONS = {
  'zoom-in': () => zoom(.5), 'zoom-out': () => zoom(2), 'zoom-reset': () => setView(0, data.end),
  'pan-left': () => pan(-.4), 'pan-right': () => pan(.4),
};
for (const id in ACTIONS) $(id).onclick = ACTIONS[id];
const KEYS = { '+': 'zoom-in', '=': 'zoom-in', '-': 'zoom-out', 0: 'zoom-reset', ArrowLeft: 'pan-left', ArrowRight: 'pan-right' };
const onKey = event => {
  const action = !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  ACTIONS[action]();
};

const hover = { x: null };
let drag = null;
// Above the canvas, so that moving the pointer does not draw the operations again.
const overlay = name => {
  const made = Object.assign(document.createElement('div'), { className: name });
  $('lanes').append(made);
  return made;
};
const hair = overlay('hair'), stretch = overlay('stretch');
function lay(box, from, to) {
  const x = timeToX(canvas.clientWidth);
  const left = Math.max(LEFT, Math.min(x(from), x(to)));
  box.style.left = left + 'px';
  box.style.width = Math.max(1, Math.min(canvas.clientWidth - RIGHT, Math.max(x(from), x(to))) - left) + 'px';
}
function drawPointer() {
  hair.hidden = hover.x === null;
  stretch.hidden = !drag;
  if (hover.x !== null) lay(hair, hover.x, hover.x);
  if (drag) lay(stretch, drag.from, drag.to);
  for (const chart of charts) {
    const x = timeToX(chart.width);
    const on = hover.x !== null && hover.x >= view.from && hover.x <= view.to;
    chart.cross.setAttribute('d', on ? `M${f1(x(hover.x))} ${TOP}v${chart.height}` : '');
    const [a, b] = drag ? [x(drag.from), x(drag.to)] : [0, 0];
    chart.selection.setAttribute('x', Math.max(LEFT, Math.min(a, b)));
    chart.selection.setAttribute('width', Math.max(0, Math.abs(b - a)));
  }
}
function nearestPoint(chart, px, py) {
  if (!chart.scatter) return -1;
  const x = timeToX(chart.width);
  const [low, high] = chart.scatter.map(Math.log);
  let best = -1, least = 12 * 12;
  for (let i = 0; i < n; i++) {
    const dx = x(begin(i)) - px;
    if (dx < -12 || dx > 12 || !passes(i)) continue;
    const place = Math.min(1, Math.max(0, (Math.log(Math.max(took(i), 1e-9)) - low) / (high - low)));
    const distance = dx * dx + (toY(chart, place) - py) ** 2 - (marks.has(i) ? 20 : 0);
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}
function barAt(px, py) {
  const id = layout.lanes[Math.floor((py - TOP) / layout.height)];
  if (id === undefined) return -1;
  const x = timeToX(canvas.clientWidth);
  let best = -1, least = 5;
  for (let i = 0; i < n; i++) {
    if (lane[i] !== id || !inView(i) || !passes(i)) continue;
    const distance = Math.max(0, x(begin(i)) - px, px - x(finish(i))) + (isOpen(i) ? 1 : 0);
    if (distance < least) [best, least] = [i, distance];
  }
  return best;
}
function listen(target, width, find) {
  const position = event => {
    const space = target.getBoundingClientRect();
    return [event.clientX - space.left, event.clientY - space.top];
  };
  const time = event => {
    const [px] = position(event);
    return xToTime(Math.max(LEFT, Math.min(width() - RIGHT, px)), width());
  };
  target.addEventListener('pointerdown', event => {
    if (event.button) return;
    drag = { from: time(event), to: time(event), x: event.clientX };
    target.setPointerCapture(event.pointerId);
  });
  target.addEventListener('pointermove', event => {
    hover.x = time(event);
    if (drag) drag.to = hover.x;
    showTip(drag ? -1 : find(...position(event)), event);
    drawPointer();
  });
  target.addEventListener('pointerup', event => {
    if (!drag) return;
    const { from, to, x } = drag;
    drag = null;
    if (Math.abs(event.clientX - x) > 4) setView(Math.min(from, to), Math.max(from, to));
    else select(find(...position(event)));
  });
  for (const name of ['pointerleave', 'pointercancel']) {
    target.addEventListener(name, () => {
      hover.x = null;
      if (name === 'pointercancel') drag = null;
      tip.hidden = true;
      redraw();
    });
  }
  target.addEventListener('dblclick', () => setView(0, data.end));
  target.addEventListener('wheel', event => {
    const isPan = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    if (!event.ctrlKey && !isPan) return;
    event.preventDefault();
    if (event.ctrlKey) zoom(1.0025 ** event.deltaY, time(event));
    else pan((event.deltaX || event.deltaY) / 600);
  }, { passive: false });
  target.tabIndex = 0;
  target.addEventListener('keydown', onKey);
}
for (const chart of charts) listen(chart.svg, () => chart.width, (x, y) => nearestPoint(chart, x, y));
listen(canvas, () => canvas.clientWidth, barAt);

// ---- Filter --------------------------------------------------------------------------------------------------------
const form = $('filters');
const readFilter = () => {
  const field = name => form.elements[name];
  filter.fn = Number(field('function').value);
  filter.node = Number(field('node').value);
  filter.key = field('key').value.trim().replace(/^"(.*)"$/, '$1');
  filter.process = field('process').value.trim();
  filter.outcomes = OUTCOMES.map(name => field(name).checked);
  filter.marked = field('marked') ? field('marked').checked : false;
  redraw();
};
form.addEventListener('input', readFilter);
form.addEventListener('submit', event => event.preventDefault());
form.addEventListener('reset', () => setTimeout(readFilter));

// ---- From an anomaly to its place in the run -----------------------------------------------------------------------
document.querySelectorAll('button.show').forEach(button => {
  button.hidden = false;
  button.onclick = () => {
    const anomaly = data.anomalies[Number(button.dataset.anomaly)];
    form.reset();
    const room = Math.max((anomaly.to - anomaly.from) * .35, 1e-4);
    selected = byId.has(anomaly.contradiction) ? byId.get(anomaly.contradiction) : -1;
    setView(anomaly.from - room, anomaly.to + room);
    select(selected);
    $('timeline').scrollIntoView();
  };
});

root.classList.add('live');
for (const part of document.querySelectorAll('.only-live')) part.hidden = false;
new ResizeObserver(redraw).observe($('charts-body'));
addEventListener('beforeprint', () => { charts.forEach(drawChart); drawTimeline(); });
redraw();
})();
