// Commits and bytes by the time at which they were captured.

const charts = document.getElementById('charts');
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200].map((it) => it * 1000),
  ...[1, 2, 7, 14, 30, 90, 365].map((it) => it * 86400000),
];
const BINS_MOST = 96;
const HEIGHT = 150;

// Bins of one length, a round one, from the first capture to the last.
function binned() {
  let first = Infinity;
  let last = -Infinity;
  for (const at of D.captured) {
    if (at === null) continue;
    first = Math.min(first, at);
    last = Math.max(last, at);
  }
  if (first > last) return null;
  const step = STEPS.find((it) => (last - first) / it < BINS_MOST - 1) ?? Math.ceil((last - first) / (BINS_MOST - 2));
  const start = Math.floor(first / step) * step;
  const bins = Array.from({ length: Math.floor((last - start) / step) + 1 }, () => ({ commits: 0, fulls: 0, increments: 0, count: 0 }));
  for (let index = 0; index < COUNT; index += 1) {
    if (D.captured[index] === null) continue;
    const bin = bins[Math.floor((D.captured[index] - start) / step)];
    bin.commits += D.commits[index] ?? 0;
    bin.count += 1;
    if (D.kind[index] === 0) bin.fulls += D.stored[index];
    else bin.increments += D.stored[index];
  }
  return { start, step, bins };
}

function drawChart(found, title, parts, tell, most) {
  const across = Math.max(240, Math.floor(Math.min(charts.clientWidth, innerWidth < 960 ? charts.clientWidth : (charts.clientWidth - 48) / 2)));
  const svg = svgElement('svg', { width: across, height: HEIGHT + 24, role: 'img', tabindex: 0, 'aria-label': `${title}, from ${time(found.start)}` });
  const pen = new SvgPen(svg);
  const top = 18;
  const each = (across - 1) / found.bins.length;
  const w = Math.max(1, Math.min(each - (each > 4 ? 2 : 0.5), 48));
  const scale = (value) => (value / most) * (HEIGHT - top);
  pen.path(`M0 ${top + 0.5}H${across}`, { stroke: 'line', wide: 1, dash: '1 3' });
  found.bins.forEach((bin, number) => {
    let y = HEIGHT;
    for (const [value, paint] of parts(bin)) {
      if (value === 0) continue;
      const h = Math.max(1, scale(value));
      y -= h;
      svgElement('rect', { x: number * each, y, width: w, height: h, fill: ink(paint), stroke: ink('mark'), 'stroke-width': 0.75 }, svg);
    }
  });
  pen.path(`M0 ${HEIGHT + 0.5}H${across}`, { stroke: 'soft', wide: 1 });
  const digits = found.step >= 86400000 ? 10 : found.step >= 60000 ? 16 : found.step >= 1000 ? 19 : 23;
  const date = (at) => time(at).slice(0, digits).replace('T', ' ');
  pen.text(0, HEIGHT + 16, date(found.start), {});
  const end = found.start + found.bins.length * found.step;
  if (found.bins.length > 1) pen.text(across, HEIGHT + 16, date(end), { end: true });
  const readout = element('p', 'readout');
  readout.setAttribute('aria-live', 'polite');
  const rule = svgElement('rect', { y: top, width: Math.max(each, 2), height: HEIGHT - top, fill: 'none', stroke: ink('ink'), visibility: 'hidden' }, svg);
  let at = found.bins.length;
  const read = (number) => {
    at = Math.max(0, Math.min(found.bins.length - 1, number));
    rule.setAttribute('x', at * each - 0.5);
    rule.setAttribute('visibility', 'visible');
    const from = found.start + at * found.step;
    readout.textContent = `${date(from)}, ${span(found.step)}: ${tell(found.bins[at])}`;
  };
  svg.addEventListener('pointermove', (event) => read(Math.floor((event.clientX - svg.getBoundingClientRect().left) / each)));
  svg.addEventListener('pointerleave', () => {
    rule.setAttribute('visibility', 'hidden');
    readout.textContent = '';
  });
  svg.addEventListener('keydown', (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    read(at + by);
  });
  return element('figure', '', element('figcaption', '', title), svg, readout);
}

// A length of time, in its largest whole unit.
function span(ms) {
  const units = [[86400000, 'day'], [3600000, 'hour'], [60000, 'minute'], [1000, 'second'], [1, 'millisecond']];
  const [unit, name] = units.find(([unit]) => ms % unit === 0);
  return plural(Math.round(ms / unit), name);
}

function drawCharts() {
  const found = binned();
  if (found === null) return;
  const most = (value) => found.bins.reduce((most, bin) => Math.max(most, value(bin)), 1);
  const commits = most((bin) => bin.commits);
  const bytes = most((bin) => bin.fulls + bin.increments);
  const each = `each bar ${span(found.step)}`;
  charts.replaceChildren(
    drawChart(found, `Commits captured, up to ${grouped(commits)}; ${each}`, (bin) => [[bin.commits, 'mark']], (bin) => `${plural(bin.commits, 'commit')} in ${plural(bin.count, 'segment')}`, commits),
    drawChart(found, `Bytes stored, up to ${size(bytes)}; full backups are filled, increments outlined`, (bin) => [[bin.fulls, 'mark'], [bin.increments, 'paper']], (bin) => `${size(bin.fulls)} of full backups, ${size(bin.increments)} of increments`, bytes),
  );
}

drawCharts();
