// Draws the charts and the timeline for the part of the run that is in view.

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
