// Looks at each page of a folder: `node checks.mjs BROWSER FOLDER`.

import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Browser } from './browser.mjs';

const SIZES = [[320, 700], [1280, 900], [2000, 1200]];
const LOAD_MS = 2000;
const FRAME_MS = 100;
// Of a table that is longer, so many rows are compared.
const ROWS = 1000;

const [, , program, folder] = process.argv;
const browser = new Browser(program);
let passed = 0;
let failed = 0;

function check(what, isTrue, found = '') {
  if (isTrue) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`    failed: ${what}`, found);
  }
}

const size = (bytes) => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let unit = 0;
  let value = bytes;
  while (value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${units[unit]}`;
};

// What a row has to say of a segment.
function expected(segment) {
  return [
    segment.file,
    segment.commits === undefined ? '' : String(segment.commits),
    size(segment.size_bytes),
    segment.created_at ?? 'unknown',
    segment.verified_at ?? 'never',
    segment.usable ? '' : 'bad',
  ].join('|');
}

const READ_ROWS = `[...document.querySelectorAll('.rows [role=row]')].map((row) => {
  const text = (name) => row.querySelector('.' + name).textContent;
  const state = text('state') === '' ? '' : 'bad';
  return [Number(row.getAttribute('aria-rowindex')) - 2, [text('file'), text('commits'), text('bytes'), text('captured'), text('verified'), state].join('|')];
})`;
const FRAME = 'await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 0)))';

async function tableIsList(tab, list) {
  const count = list.segments.length;
  const steps = Math.max(1, Math.min(ROWS / 20, Math.ceil(count / 10)));
  const rows = new Map();
  for (let step = 0; step <= steps; step += 1) {
    await tab.value(`(async () => { const it = document.getElementById('table'); it.scrollTop = it.scrollHeight * ${step / steps}; ${FRAME}; ${FRAME} })()`);
    for (const [place, text] of await tab.value(READ_ROWS)) rows.set(place, text);
  }
  const wrong = [...rows].filter(([place, text]) => text !== expected(list.segments[place]));
  check('each row of the table says what `list` says', wrong.length === 0, wrong.slice(0, 2));
  check('the table has rows', rows.size >= Math.min(count, ROWS / 4), rows.size);
  check('its first and its last row are there', count === 0 || (rows.has(0) && rows.has(count - 1)));
}

async function textIsList(tab, list) {
  const items = await tab.value("[...document.querySelectorAll('.gaps li')].map((item) => item.textContent)");
  const gaps = list.holes.filter((gap) => !items.some((item) => item.endsWith(`: ${gap.cause}`)));
  check('every gap is told', gaps.length === 0, gaps.slice(0, 2));
  const pins = list.pins.filter(({ name, state }) => !items.some((item) => item.startsWith(`Pinned: ${name} at ${state}`)));
  check('every pin is told', pins.length === 0, pins);
  const text = await tab.value('document.body.innerText');
  const ranges = list.restorable.map(({ timeline, from, to }) => (from === to ? `${timeline}:${from}` : `${timeline}:${from} to ${timeline}:${to}`));
  check('what can be restored is told', ranges.every((range) => text.includes(range)));
  check('until when all is captured is told', list.captured_until === null || text.includes(list.captured_until));
  const strange = await tab.value("document.querySelectorAll('img, iframe, link:not([rel=icon]), script[src], b b').length");
  check('no name became an element', strange === 0, strange);
}

async function keysWork(tab, list) {
  if (list.segments.length === 0) return;
  const last = list.segments.length - 1;
  for (let presses = 0; presses < 12; presses += 1) {
    await tab.key('Tab');
    if (await tab.value("document.activeElement.id === 'picture'")) break;
  }
  check('the picture can be reached by Tab', await tab.value("document.activeElement.id === 'picture'"));
  const card = () => tab.value("card.hidden ? '' : card.innerText".replaceAll('card', "document.getElementById('card')"));
  check('focus shows the one that was shown before', (await card()).includes(list.segments[0].file));
  await tab.key('Home');
  const first = await card();
  check('Home goes to the first', first.includes(list.segments[0].file), first);
  check('its time is there', first.includes(list.segments[0].created_at), first);
  if (last > 0) {
    await tab.key('ArrowRight');
    check('an arrow goes to the next', (await card()).includes(list.segments[1].file));
  }
  await tab.key('ArrowDown');
  await tab.key('End');
  const shown = await card();
  const { timeline, to } = list.restorable.at(-1) ?? {};
  const isLast = list.segments[last].usable && timeline !== undefined;
  check('the command that restores is there', !isLast || shown.replaceAll('\n', ' ').includes(`--epoch ${timeline}:${to}`), shown);
  await tab.key('Escape');
  check('Escape hides it', (await card()) === '');
}

async function pointersWork(tab, list, touch) {
  if (list.segments.length === 0) return;
  await tab.value("document.getElementById('picture').scrollIntoView({ block: 'start' })");
  await tab.value("document.getElementById('picture').scrollTop = 0");
  await tab.value(`(async () => { ${FRAME} })()`);
  const [x, y] = await tab.value("(() => { const it = document.getElementById('picture').getBoundingClientRect(); return [it.left + 85, it.top + 35]; })()");
  if (touch) await tab.tap(x, y);
  else await tab.mouse('mouseMoved', x, y);
  await tab.value('new Promise((done) => setTimeout(done, 50))');
  const text = await tab.value("document.getElementById('card').innerText");
  check(`${touch ? 'a finger' : 'the mouse'} shows a segment`, text.includes(list.segments[0].file), text);
  const isInside = await tab.value("(() => { const it = document.getElementById('card').getBoundingClientRect(); return it.left >= 0 && it.right <= innerWidth && it.top >= 0 && it.bottom <= innerHeight; })()");
  check('it is in sight', isInside);
}

async function filterWorks(tab, list) {
  if (list.segments.length < 2) return;
  const { file } = list.segments[1];
  await tab.value(`(async () => { const it = document.getElementById('filter'); it.value = ${JSON.stringify(file)}; it.dispatchEvent(new Event('input')); await new Promise((done) => setTimeout(done, 100)); ${FRAME} })()`);
  for (let waited = 0; waited < 40 && (await tab.value(READ_ROWS)).length !== 1; waited += 1) await tab.value('new Promise((done) => setTimeout(done, 50))');
  const rows = await tab.value(READ_ROWS);
  check('the filter leaves the one', rows.length === 1 && rows[0][1].startsWith(file), rows.length);
}

async function scrolls(tab, list) {
  if (list.segments.length < 5000) return;
  const slowest = await tab.value(`(async () => {
    const [table, picture] = ['table', 'picture'].map((id) => document.getElementById(id));
    let slowest = 0;
    for (let step = 0; step < 40; step += 1) {
      const begun = performance.now();
      table.scrollTop += 40000;
      picture.scrollTop -= 1500;
      ${FRAME};
      slowest = Math.max(slowest, performance.now() - begun);
    }
    return slowest;
  })()`);
  console.log(`    the slowest of 40 frames took ${Math.round(slowest)} ms`);
  check(`it scrolls, a frame in ${FRAME_MS} ms`, slowest < FRAME_MS, slowest);
}

for (const page of readdirSync(folder).filter((name) => name.endsWith('.html')).sort()) {
  const name = basename(page, '.html');
  const list = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const url = pathToFileURL(join(folder, page)).href;
  console.log(`==> ${name}: ${list.segments.length} segments`);
  for (const [width, height] of SIZES) {
    for (const dark of [false, true]) {
      const touch = width === 320;
      const tab = await browser.open(width, height, { dark, touch });
      const took = await tab.load(url);
      if (width === 1280 && !dark) console.log(`    opened in ${Math.round(took)} ms`);
      check(`it opens within ${LOAD_MS} ms`, took < LOAD_MS, took);
      const wide = await tab.value('document.documentElement.scrollWidth');
      check(`nothing is wider than ${width} pixels`, wide <= width, wide);
      const cut = await tab.value("(() => { const it = document.getElementById('table'); return it.scrollWidth - it.clientWidth; })()");
      check('no column of the table is cut', cut <= 0, cut);
      await tab.picture(join(folder, `${name}-${width}-${dark ? 'dark' : 'light'}.png`));
      await pointersWork(tab, list, touch);
      if (!dark) {
        await textIsList(tab, list);
        await keysWork(tab, list);
        await tableIsList(tab, list);
        await scrolls(tab, list);
        await filterWorks(tab, list);
      }
      check('the console says nothing', tab.complaints.length === 0, tab.complaints);
      check('nothing else is asked for', tab.requests.every((it) => it === url), tab.requests);
      await tab.close();
    }
  }
}
await browser.close();
console.log(`${passed} passed, ${failed} failed, 0 skipped`);
process.exit(failed === 0 ? 0 : 1);
