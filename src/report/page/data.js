// Light and dark, the command to repeat, and the run's data: what the rest of the page's script stands on.

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
