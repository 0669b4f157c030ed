// The operator's page: asks /stats.json every two seconds and shows totals and rates.
// Everything is written with textContent; nothing from the wire becomes markup.

const EVERY_MS = 2000;

const tiles = [
  ['sessions', 'sessions'],
  ['users online', 'users_online'],
  ['edges', 'edges'],
  ['messages / s', 'messages_sent_total', 'rate'],
  ['deliveries / s', 'deliveries_total', 'rate'],
  ['refused / s', 'messages_refused_total', 'rate'],
  ['unacknowledged', 'unacked_rows'],
  ['waiting for disk', 'pending_rows'],
  ['stored / s', 'messages_stored_total', 'rate'],
  ['system messages', 'system_head'],
  ['violations', 'violations_total'],
];

const edgeColumns = [
  ['edge', 'edge'],
  ['sessions', 'sessions'],
  ['connections', 'connections'],
  ['upgrades / s', 'upgrades_total', 'rate'],
  ['refused', 'refused_total'],
  ['frames in / s', 'frames_in_total', 'rate'],
  ['frames out / s', 'frames_out_total', 'rate'],
  ['bytes out / s', 'bytes_out_total', 'rate'],
  ['queued bytes', 'queued_bytes'],
  ['behind', 'behind'],
  ['slow, closed', 'slow_closed_total'],
  ['violations', 'link_violations_total'],
];

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

// The growth a second since the answer before; null when there was none, or the counter began anew.
function rate(name, now, before, seconds) {
  if (before === undefined || seconds <= 0 || now[name] < before[name])
    return null;
  return (now[name] - before[name]) / seconds;
}

function shown(value) {
  return value === null || value === undefined ? '–' : number.format(value);
}

function cell(text) {
  const td = document.createElement('td');
  td.textContent = text;
  return td;
}

function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 3600)
    return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
}

function showTiles(now, before, seconds) {
  byId('tiles').replaceChildren(...tiles.map(([label, name, kind]) => {
    const box = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = label;
    dd.textContent = shown(kind === 'rate' ? rate(name, now.stats, before?.stats, seconds) : now.stats[name]);
    dd.dataset.name = name;
    box.append(dt, dd);
    return box;
  }));
}

function showEdges(now, before, seconds) {
  const earlier = new Map((before?.edges ?? []).map((edge) => [edge.edge, edge]));
  byId('no-edges').hidden = now.edges.length > 0;
  byId('edges').replaceChildren(...now.edges.map((edge) => {
    const row = document.createElement('tr');
    row.classList.toggle('silent', edge.silent_ms > 10000);
    row.append(...edgeColumns.map(([, name, kind]) => cell(name === 'edge'
      ? String(edge.edge)
      : shown(kind === 'rate' ? rate(name, edge, earlier.get(edge.edge), seconds) : edge[name]))));
    return row;
  }));
}

function showStats(now, before, seconds) {
  byId('stats').replaceChildren(...Object.keys(now.stats).map((name) => {
    const row = document.createElement('tr');
    const isTotal = name.endsWith('_total');
    row.append(cell(name), cell(shown(now.stats[name])),
      cell(isTotal ? shown(rate(name, now.stats, before?.stats, seconds)) : ''));
    return row;
  }));
}

function showState(text, good) {
  const state = byId('state');
  state.textContent = text;
  state.className = good ? 'good' : 'bad';
}

let before;

async function refresh() {
  try {
    const answer = await fetch('/stats.json', { cache: 'no-store' });
    if (!answer.ok)
      throw new Error(`HTTP ${answer.status}`);
    const now = await answer.json();
    const seconds = before === undefined ? 0 : (now.uptime_ms - before.uptime_ms) / 1000;
    const earlier = seconds > 0 ? before : undefined; // a router that started anew has no rates yet
    showTiles(now, earlier, seconds);
    showEdges(now, earlier, seconds);
    showStats(now, earlier, seconds);
    showState(`version ${now.version}, up ${duration(now.uptime_ms)}`, true);
    before = now;
  } catch {
    showState('the router does not answer', false);
  }
  setTimeout(refresh, EVERY_MS);
}

byId('edge-head').replaceChildren(...edgeColumns.map(([label]) => {
  const th = document.createElement('th');
  th.scope = 'col';
  th.textContent = label;
  return th;
}));
refresh();
