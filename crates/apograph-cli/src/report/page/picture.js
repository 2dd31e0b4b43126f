// The picture of the history: SVG, where each segment can be found by who does not see it, and above
// so many a canvas, of which what is in sight is drawn.

const SVG_MOST = 5000;
const picture = document.getElementById('picture');
const isSmall = COUNT <= SVG_MOST;
let layout = null;
let current = null;
let pinned = false;
let ring = null;
let canvas = null;

const day = (ms) => (ms === null ? '' : time(ms).slice(0, 16).replace('T', ' '));

function drawSegment(pen, index, x, bottom) {
  const w = width(index);
  const h = tall(index);
  const y = bottom - h;
  if (D.state[index] !== '') {
    pen.rect(x, y, w, h, { stroke: 'alarm', dash: '2 2' });
    pen.path(`M${x - 1} ${bottom - BAND / 2 - 5}l${w + 2} 10m0 -10l${-w - 2} 10`, { stroke: 'alarm', wide: 2 });
  } else if (D.frames[index] !== null) {
    pen.rect(x, y, w, h, { fill: 'mark', stroke: 'mark' });
  } else if (D.verified[index] !== null) {
    pen.rect(x, y, w, h, { fill: 'wash', stroke: 'mark' });
  } else {
    pen.rect(x, y, w, h, { stroke: 'mark' });
  }
  if (D.kind[index] > 1 && D.state[index] === '') {
    const colour = D.frames[index] === null ? 'mark' : 'paper';
    pen.path(`M${x + w / 2} ${y}v${h}`, { stroke: colour });
  }
  if (pinsAt.has(index)) {
    pen.path(`M${x + w / 2} ${bottom + 3}l4 4l-4 4l-4 -4z`, { stroke: 'none', fill: 'pin' });
  }
}

function drawBreak(pen, { at, what }, bottom) {
  const middle = bottom - BAND / 2;
  if (what === 'pruned') {
    pen.path(`M${at + 3} ${middle}h${BREAK - 8}`, { stroke: 'soft', dash: '2 3', wide: 2 });
  } else {
    pen.path(`M${at + 8} ${bottom}l-4 -6l6 -5l-6 -5l6 -5l-4 -5`, { stroke: 'alarm', wide: 2 });
  }
}

function drawRow(pen, number) {
  const row = layout.rows[number];
  const bottom = number * ROW + CAPTION + BAND;
  const rail = 10;
  if (row.begins) {
    const name = row.timeline === 0 ? '?' : `${row.timeline}:`;
    pen.text(GUTTER, bottom - 8, name, { lane: true });
    drawJoint(pen, row, number, rail, bottom);
  } else {
    const from = layout.rows[number - 1].begins ? 5 : 0;
    pen.path(`M${rail} ${bottom - ROW - 12 + from}V${bottom - 12}`, { stroke: 'line', wide: 2 });
  }
  pen.text(GUTTER + LABEL, bottom - BAND - 6, day(D.captured[row.first]), {});
  pen.path(`M${GUTTER + LABEL} ${bottom + 0.75}H${layout.x[row.end - 1] + width(row.end - 1)}`, { stroke: 'line', wide: 1 });
  for (const gap of row.breaks) drawBreak(pen, gap, bottom);
}

// How a timeline hangs together with what was before it.
function drawJoint(pen, row, number, rail, bottom) {
  const middle = bottom - 12;
  const above = middle - ROW + (layout.rows[number - 1]?.begins ? 5 : 0);
  const kinds = new Set(row.gaps.map((gap) => gap.what));
  const from = branchedFrom.get(row.first);
  if (from !== undefined) {
    const start = layout.rowOf[from] * ROW + CAPTION + BAND - 12;
    pen.path(`M${rail} ${start}C${rail + 22} ${start + 14} ${rail + 22} ${middle - 14} ${rail} ${middle}`, { stroke: 'mark', wide: 2 });
  } else if (number > 0 && kinds.has('missing')) {
    pen.path(`M${rail - 4} ${middle - ROW / 2 - 4}l8 8m0 -8l-8 8`, { stroke: 'alarm', wide: 2 });
  } else if (number > 0) {
    const dash = kinds.has('branch') || kinds.has('pruned') ? '2 4' : '';
    pen.path(`M${rail} ${above}V${middle - 5}`, { stroke: 'line', wide: 2, dash });
  }
  const r = 4;
  pen.path(`M${rail - r} ${middle}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`, { stroke: 'mark', fill: 'paper', wide: 2 });
}

function drawRows(pen, from, to) {
  for (let number = from; number < to; number += 1) {
    drawRow(pen, number);
    const row = layout.rows[number];
    const bottom = number * ROW + CAPTION + BAND;
    for (let index = row.first; index < row.end; index += 1) {
      const group = isSmall
        ? pen.group({ id: `s${index}`, role: 'option', 'aria-selected': 'false', 'aria-label': label(index) })
        : pen;
      drawSegment(group, index, layout.x[index], bottom);
    }
  }
}

function label(index) {
  const state = D.state[index] === '' ? '' : `, ${D.state[index].toLowerCase()}`;
  return `${D.file[index]}, ${kind(index)}, ${D.points[index]}, captured ${time(D.captured[index])}${state}`;
}

function drawSvg(across) {
  const svg = svgElement('svg', { width: across, height: layout.height, role: 'presentation' });
  drawRows(new SvgPen(svg), 0, layout.rows.length);
  ring = svgElement('rect', { fill: 'none', stroke: ink('ink'), 'stroke-width': 2, rx: 3, visibility: 'hidden' }, svg);
  picture.replaceChildren(svg);
}

function drawCanvas() {
  const ratio = devicePixelRatio || 1;
  const seen = Math.min(picture.clientHeight, layout.height);
  if (canvas === null) {
    canvas = element('canvas', '');
    canvas.setAttribute('aria-hidden', 'true');
    const spacer = element('div', 'spacer', canvas);
    picture.replaceChildren(spacer);
  }
  canvas.parentElement.style.height = `${layout.height}px`;
  canvas.width = Math.round(layout.across * ratio);
  canvas.height = Math.round(seen * ratio);
  canvas.style.width = `${layout.across}px`;
  canvas.style.height = `${seen}px`;
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, -picture.scrollTop * ratio);
  const from = Math.max(0, Math.floor(picture.scrollTop / ROW) - 1);
  const to = Math.min(layout.rows.length, Math.ceil((picture.scrollTop + seen) / ROW) + 1);
  const pen = new CanvasPen(context);
  drawRows(pen, from, to);
  if (current !== null) {
    const { x, y, w, h } = boxOf(current);
    pen.rect(x, y, w, h, { stroke: 'ink' });
  }
}

function drawPicture() {
  readInks();
  const across = Math.max(200, picture.clientWidth - 2);
  layout = layOut(across);
  if (isSmall) {
    drawSvg(across);
  } else {
    const tallest = Math.min(layout.height, Math.min(608, innerHeight * 0.8));
    picture.style.height = `${tallest}px`;
    drawCanvas();
  }
  if (current !== null) mark(current);
}

function boxOf(index) {
  const bottom = layout.rowOf[index] * ROW + CAPTION + BAND;
  return { x: layout.x[index] - 3, y: bottom - BAND - 3, w: width(index) + 6, h: BAND + 6 };
}

// Where a segment of the picture is in the window.
function placeOf(index) {
  const { x, y, w, h } = boxOf(index);
  const outer = picture.getBoundingClientRect();
  const top = outer.top + y - picture.scrollTop;
  return { left: outer.left + x, top, bottom: top + h, right: outer.left + x + w };
}

function mark(index) {
  if (isSmall) {
    if (current !== null) document.getElementById(`s${current}`)?.setAttribute('aria-selected', 'false');
    const { x, y, w, h } = boxOf(index);
    for (const [key, value] of Object.entries({ x, y, width: w, height: h, visibility: 'visible' })) ring.setAttribute(key, value);
    document.getElementById(`s${index}`).setAttribute('aria-selected', 'true');
    picture.setAttribute('aria-activedescendant', `s${index}`);
  }
  current = index;
  if (!isSmall) drawCanvas();
}

function choose(index) {
  const { y, h } = boxOf(index);
  if (y < picture.scrollTop) picture.scrollTop = y - 10;
  if (y + h > picture.scrollTop + picture.clientHeight) picture.scrollTop = y + h + 10 - picture.clientHeight;
  mark(index);
  showCard(index, placeOf(index));
}

function move(event) {
  const here = current ?? 0;
  const { rows, rowOf, x } = layout;
  const inRow = (number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, number))];
    let best = row.first;
    for (let index = row.first; index < row.end; index += 1) {
      if (Math.abs(x[index] - x[here]) < Math.abs(x[best] - x[here])) best = index;
    }
    return best;
  };
  const keys = {
    ArrowLeft: () => here - 1,
    ArrowRight: () => here + 1,
    ArrowUp: () => inRow(rowOf[here] - 1),
    ArrowDown: () => inRow(rowOf[here] + 1),
    PageUp: () => inRow(rowOf[here] - 8),
    PageDown: () => inRow(rowOf[here] + 8),
    Home: () => 0,
    End: () => COUNT - 1,
    Enter: () => here,
  };
  const way = keys[event.key];
  if (way === undefined || COUNT === 0) return;
  event.preventDefault();
  pinned = false;
  choose(Math.max(0, Math.min(COUNT - 1, way())));
}

function at(event) {
  const outer = picture.getBoundingClientRect();
  return hit(layout, event.clientX - outer.left, event.clientY - outer.top + picture.scrollTop);
}

if (COUNT > 0) {
  picture.addEventListener('pointermove', (event) => {
    if (event.pointerType === 'touch' || pinned) return;
    const index = at(event);
    if (index === null) hideCard();
    else if (index !== shown) {
      mark(index);
      showCard(index, placeOf(index));
    }
  });
  picture.addEventListener('pointerleave', () => {
    if (!pinned && document.activeElement !== picture) hideCard();
  });
  picture.addEventListener('click', (event) => {
    const index = at(event);
    pinned = index !== null;
    if (index === null) hideCard();
    else choose(index);
  });
  picture.addEventListener('keydown', move);
  picture.addEventListener('focus', () => {
    if (picture.matches(':focus-visible')) choose(current ?? COUNT - 1);
  });
  picture.addEventListener('blur', () => {
    if (!pinned) hideCard();
  });
  document.addEventListener('pointerdown', (event) => {
    if (picture.contains(event.target) || card.contains(event.target)) return;
    pinned = false;
    hideCard();
  });
  picture.addEventListener('scroll', () => {
    if (!isSmall) requestAnimationFrame(drawCanvas);
    if (shown !== null && !pinned) showCard(shown, placeOf(shown));
  });
  drawPicture();
  if (!isSmall) picture.scrollTop = layout.height;
} else {
  readInks();
  for (const section of document.querySelectorAll('section:has(h2)')) section.hidden = true;
}

// What each mark means, drawn as it is in the picture.
const LEGEND = [
  ['full backup', (pen) => pen.rect(4, 2, 14, 18, { fill: 'mark', stroke: 'mark' })],
  ['increment, the taller the more commits', (pen) => { pen.rect(3, 12, 6, 8, { fill: 'mark', stroke: 'mark' }); pen.rect(13, 5, 6, 15, { fill: 'mark', stroke: 'mark' }); }],
  ['merged of several', (pen) => { pen.rect(6, 5, 10, 15, { fill: 'mark', stroke: 'mark' }); pen.path('M11 5v15', { stroke: 'paper' }); }],
  ['verified frame by frame', (pen) => pen.rect(4, 5, 14, 15, { fill: 'mark', stroke: 'mark' })],
  ['verified as a file', (pen) => pen.rect(4, 5, 14, 15, { fill: 'wash', stroke: 'mark' })],
  ['never verified', (pen) => pen.rect(4, 5, 14, 15, { stroke: 'mark' })],
  ['damaged, or not there', (pen) => { pen.rect(4, 3, 14, 17, { stroke: 'alarm', dash: '2 2' }); pen.path('M3 6l16 10m0 -10l-16 10', { stroke: 'alarm', wide: 2 }); }],
  ['something is missing', (pen) => pen.path('M12 21l-4 -5l6 -4l-6 -4l6 -4l-4 -4', { stroke: 'alarm', wide: 2 })],
  ['pruned', (pen) => pen.path('M3 11h16', { stroke: 'soft', dash: '2 3', wide: 2 })],
  ['a new timeline begins', (pen) => { pen.path('M11 0v8', { stroke: 'line', dash: '2 3', wide: 2 }); pen.path('M7 13a4 4 0 1 0 8 0a4 4 0 1 0 -8 0', { stroke: 'mark', fill: 'paper', wide: 2 }); }],
  ['pinned', (pen) => pen.path('M11 6l5 5l-5 5l-5 -5z', { stroke: 'none', fill: 'pin' })],
];

function drawLegend() {
  const items = LEGEND.map(([text, draw]) => {
    const svg = svgElement('svg', { width: 22, height: 22, 'aria-hidden': 'true' });
    draw(new SvgPen(svg));
    return element('li', '', svg, text);
  });
  document.getElementById('legend').replaceChildren(...items);
}

drawLegend();
