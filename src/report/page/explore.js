// Zoom, pointer, filter, details: what a reader does, and what follows from it.

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
