// Where each segment stands in the picture: in rows, one or more for a timeline, as words in lines.

const GUTTER = 30;
const LABEL = 52;
const CAPTION = 16;
const BAND = 30;
const ROW = CAPTION + BAND + 14;
// A short history has room for wider marks.
const WIDE = COUNT <= 40 ? 2.5 : COUNT <= 200 ? 1.75 : 1;
const SPACE = 3 * WIDE;
const BREAK = 14 + 6 * WIDE;

const width = (index) => WIDE * (D.kind[index] === 0 ? 14 : D.kind[index] === 1 ? 6 : 10);

// The rows of the picture, and for each segment where it begins: `x`, and the index of its row.
function layOut(across) {
  const rows = [];
  const x = new Float64Array(COUNT);
  const rowOf = new Uint32Array(COUNT);
  const left = GUTTER + LABEL;
  let row = null;
  let at = left;
  for (let index = 0; index < COUNT; index += 1) {
    const gaps = gapsAt.get(index) ?? [];
    const begins = row === null || D.timeline[index] !== row.timeline;
    const breaks = gaps.some((gap) => gap.what !== 'branch') && !begins;
    const needs = width(index) + (breaks ? BREAK : 0);
    if (begins || at + needs > across) {
      row = { first: index, end: index, timeline: D.timeline[index], begins, gaps: begins ? gaps : [], breaks: [] };
      rows.push(row);
      at = left;
    }
    if (breaks) {
      row.breaks.push({ at, what: gaps.find((gap) => gap.what !== 'branch').what });
      at += BREAK;
    }
    x[index] = at;
    rowOf[index] = rows.length - 1;
    row.end = index + 1;
    at += width(index) + SPACE;
  }
  const end = gapsAt.get(COUNT);
  if (row !== null && end !== undefined) row.breaks.push({ at, what: end[0].what });
  return { rows, x, rowOf, across, height: rows.length * ROW };
}

// The segment nearest to a place, within a finger's width.
function hit(layout, px, py) {
  const row = layout.rows[Math.floor(py / ROW)];
  if (row === undefined) return null;
  let low = row.first;
  let high = row.end - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (layout.x[middle] <= px) low = middle;
    else high = middle - 1;
  }
  const distance = (index) => Math.max(layout.x[index] - px, px - layout.x[index] - width(index), 0);
  const next = low + 1 < row.end && distance(low + 1) < distance(low) ? low + 1 : low;
  return distance(next) <= 12 ? next : null;
}

const MOST = D.commits.reduce((most, commits) => Math.max(most, commits ?? 0), 1);

// How tall a segment is drawn: an increment by its commits, each doubling a step.
function tall(index) {
  if (D.kind[index] === 0) return BAND;
  const share = Math.log2(1 + (D.commits[index] ?? 0)) / Math.log2(1 + MOST);
  return 5 + Math.round(share * (BAND - 7));
}
