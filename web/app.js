/*
 * The demo page: login, one conversation, presence, typing, pushes.  The connection is clients/js's; the
 * page shows, and keeps what was said, which is what it acknowledges.  Text of others goes into the page as
 * text nodes, never as markup.
 */
import { connect, logOut, PosternError, refreshToken } from './client/index.js';
import { History } from './history.js';

const NAMES = new Map([['1', 'jim'], ['2', 'john']]);
const OTHER = new Map([['1', '2'], ['2', '1']]);
const TYPING_SHOWN_MS = 3500;
const SETTLE_MS = 400; /* after the last key in the recipient's field */
const MESSAGES_KEPT = 500;
const PUSHES_KEPT = 50;
const AGAIN_MS = 480000; /* the server knows a message's id for ten minutes: the same is not said twice */
/* Of this tab alone: two tabs may be two users. */
const TOKEN = 'postern.token';
const USER = 'postern.user';

const $ = (id) => document.getElementById(id);
const nameOf = (uid) => NAMES.get(uid) ?? uid;
const timeOf = (ms) => new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
const isUid = (text) => /^[A-Za-z0-9._@:-]{1,128}$/.test(text);
const peer = () => $('to').value.trim();

let client = null;
let history = null;
let me = '';
let facts = {};
let typingTimer = 0;
let toTimer = 0;
const bubbles = new Map(); /* key of an entry -> its item */

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className)
    made.className = className;
  if (text !== undefined)
    made.textContent = text;
  return made;
}

/* Adds to a list, keeps it short, and keeps its end in view if it was. */
function append(list, item, most) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.append(item);
  while (list.children.length > most)
    list.firstElementChild.remove();
  if (atEnd || item.classList.contains('mine'))
    list.scrollTop = list.scrollHeight;
}

function addBubble({ key, mine, text, at, who, state = '' }) {
  const item = element('li', mine ? 'mine' : 'theirs');
  const about = element('div', 'about');
  about.append(element('span', 'who', who), element('span', '', timeOf(at)), element('span', 'state', state));
  item.append(element('div', 'bubble', text), about);
  append($('messages'), item, MESSAGES_KEPT);
  bubbles.set(key, item);
  if (bubbles.size > 2 * MESSAGES_KEPT)
    bubbles.delete(bubbles.keys().next().value);
  return item;
}

function addLine(text) {
  append($('messages'), element('li', 'line', text), MESSAGES_KEPT);
}

const REFUSALS = new Map([
  [1101, 'nobody has that name'],
  [1103, 'the inbox is full'],
  ['timeout', 'no answer'],
  ['stopped', 'not sent'],
  ['queue_full', 'too many wait already'],
]);
const STATES = new Map([
  ['delivered', '✓ delivered'],
  ['accepted', '✓ sent'],
  ['stored', '✓ kept until they are back'],
]);

/* An own message: {key, mid, mine, text, at, peer, state: "sending" | "failed" | that of the ack}. */
function showState(entry, why = '') {
  const item = bubbles.get(entry.key);
  if (!item)
    return;
  item.classList.toggle('failed', entry.state === 'failed');
  item.querySelector('button')?.remove();
  item.querySelector('.state').textContent = entry.state === 'sending' ? 'sending…'
    : entry.state === 'failed' ? `✗ ${why || 'not sent'}` : STATES.get(entry.state) ?? '✓ sent';
  if (entry.state !== 'failed')
    return;
  const again = element('button', 'quiet', 'Try again');
  again.type = 'button';
  again.onclick = () => deliver({ ...entry, state: 'sending' });
  item.querySelector('.about').append(again);
}

function keep(entry, state, why, key = entry.key) {
  const next = { ...entry, key, state };
  if (bubbles.has(entry.key))
    bubbles.set(key, bubbles.get(entry.key));
  history.put(next, entry.key);
  showState(next, why);
}

/* The same mid each time, so that it is one message however often it is tried. */
async function deliver(entry) {
  const of = client;
  keep(entry, 'sending');
  try {
    const ack = await of.send(entry.peer, entry.text, { mid: entry.mid });
    const epoch = of.position?.epoch;
    if (of !== client)
      return;
    if (ack.state === 'delivered')
      lookAgain(entry.peer);
    keep(entry, ack.first ?? ack.state, '', epoch && ack.seq ? keyOf({ epoch, stream: 'u', seq: ack.seq }) : entry.key);
  } catch (error) {
    if (of === client)
      keep(entry, 'failed', REFUSALS.get(error.code) ?? error.message);
  }
}

function sendMessage() {
  const text = $('message').value;
  const to = peer();
  if (text.trim() === '' || to === '' || !history)
    return;
  $('message').value = '';
  fitMessage();
  const mid = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const entry = { key: mid, mid, mine: true, text, at: Date.now(), peer: to };
  showEntry(entry);
  deliver(entry);
}

function showTyping(uid) {
  clearTimeout(typingTimer);
  $('typing').textContent = uid === '' ? '' : `${nameOf(uid)} is typing…`;
  if (uid !== '')
    typingTimer = setTimeout(() => showTyping(''), TYPING_SHOWN_MS);
}

function showPresence({ user, state, devices }) {
  if (user !== peer())
    return;
  $('peer-dot').dataset.state = state;
  $('peer-state').textContent = devices > 1 ? `${state}, ${devices} devices` : state;
}

/* Those who have never written to each other do not see each other; now they have. */
function lookAgain(uid) {
  if (uid === peer() && $('peer-dot').dataset.state === 'offline')
    client.watch([uid]);
}

/* The recipient's field changed. */
function watchPeer() {
  const to = peer();
  $('peer-name').textContent = to === '' ? 'nobody' : nameOf(to);
  $('peer-dot').dataset.state = 'unknown';
  $('peer-state').textContent = 'unknown';
  showTyping('');
  if (isUid(to))
    client?.watch([to]);
}

const keyOf = ({ epoch, stream, seq }) => `${epoch}.${stream}.${seq}`;

function onMessage({ from, to, text, carbon, mid, ts, ...number }) {
  const key = keyOf(number);
  if (history.has(key))
    return;
  const at = ts ?? Date.now();
  const entry = { key, mid, mine: carbon, text, at, peer: carbon ? to : from, state: 'elsewhere' };
  if (carbon && bubbles.has(mid)) {
    keep({ ...entry, key: mid }, 'accepted', '', key); /* said before the page was loaded anew */
    return;
  }
  history.put(entry);
  if (from === peer())
    showTyping('');
  lookAgain(from);
  showEntry(entry);
}

function onPush({ event, data, ts, stream, ...number }) {
  const key = keyOf({ stream, ...number });
  if (history.has(key))
    return;
  const entry = { key, event, data, at: ts ?? Date.now(), toAll: stream === 's' };
  history.put(entry);
  showEntry(entry);
}

function showPush({ event, data, at, toAll }) {
  const item = element('li');
  const head = element('div', 'head');
  const text = typeof data === 'string' ? data : data?.text;
  head.append(element('b', '', event), element('span', '', toAll ? 'to all' : 'to you'), element('time', '', timeOf(at)));
  item.append(head, element('div', 'what', typeof text === 'string' ? text : JSON.stringify(data)));
  $('no-pushes').hidden = true;
  append($('pushes'), item, PUSHES_KEPT);
}

function showEntry(entry) {
  if (entry.event) {
    showPush(entry);
    return;
  }
  const who = entry.mine ? `to ${nameOf(entry.peer)}` : nameOf(entry.peer);
  addBubble({ ...entry, who, state: entry.mine && entry.state === 'elsewhere' ? 'from another device' : '' });
  if (entry.mine && entry.state !== 'elsewhere')
    showState(entry);
}

/* What this browser has of the user. */
function recall(user) {
  me = user;
  history = new History(user);
  $('messages').replaceChildren();
  $('pushes').replaceChildren();
  bubbles.clear();
  for (const entry of history.all())
    showEntry(entry);
  $('to').value = OTHER.get(me) ?? '';
  $('me-name').textContent = NAMES.has(me) ? `${nameOf(me)} (user ${me})` : `user ${me}`;
  document.title = `${nameOf(me)} · Postern`;
  $('push-one').textContent = `routerctl push --user ${me} --event news --data '"only for ${nameOf(me)}"'`;
  watchPeer();
  sendAgain();
}

/* What was on its way when the page was left. */
function sendAgain() {
  for (const entry of history.all().filter(({ state }) => state === 'sending')) {
    if (Date.now() - entry.at < AGAIN_MS)
      deliver(entry);
    else
      keep(entry, 'failed', 'perhaps not sent');
  }
}

function showFacts(more) {
  facts = { ...facts, ...more };
  const lines = Object.entries(facts).filter(([, value]) => value !== undefined);
  $('facts').replaceChildren(...lines.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', String(value))]));
}

/* Until when the login is good, as the server said it. */
function showLogin(expiresInMs, isRenewed = false) {
  const until = timeOf(Date.now() + expiresInMs);
  $('login-state').textContent = `${isRenewed ? 'login renewed' : 'logged in'} until ${until}`;
  showFacts({ 'token ends at': until });
}

function onReady({ conn, user, device, identity, resume, limits, auth }) {
  onIdentity({ user, identity, resume, auth });
  $('send').disabled = false;
  showFacts({ connection: conn, device, messages: `${limits.msgs_per_s}/s, burst ${limits.burst}` });
}

/* Whose the connection is. */
function onIdentity({ user, identity, resume, auth }) {
  if (me !== user)
    recall(user);
  sessionStorage.setItem(USER, me);
  showFacts({ user, identity, epoch: resume.epoch, numbers: `u ${resume.u}, s ${resume.s}` });
  showLogin(auth.expires_in_ms);
}

const ENDED = 'Your login has ended. Please log in again.';
const ENDS = new Map([
  [4009, 'An operator has closed this connection.'],
  [4403, 'The login is another user\'s. Please log in again.'],
  [4404, 'Your login was revoked. Please log in again.'],
  [4409, 'You are connected somewhere else now, so this window was closed.'],
  [4410, 'You have logged out in another window.'],
]);

function onState({ state, delayed, code, name }) {
  if (state === 'stopped' && (code === 4009 || code === 4230 || code >= 4400)) {
    leave(ENDS.get(code) ?? ENDED);
    return;
  }
  const isFirst = state === 'connecting' && client.user === null;
  const words = { open: 'connected', connecting: 'reconnecting…', waiting: 'reconnecting…', stopped: `closed: ${name}` };
  $('status').dataset.state = state === 'open' && delayed ? 'waiting' : { open: 'online', stopped: 'refused' }[state] ?? state;
  $('status').textContent = isFirst ? 'connecting…' : delayed ? 'reconnecting…' : words[state];
  $('status').title = name ? name.replaceAll('_', ' ') : '';
  $('send').disabled = state === 'stopped' || history === null;
}

function showRoom(inside) {
  $('door').hidden = inside;
  $('room').hidden = !inside;
  $('me').hidden = !inside;
}

/*
 * The token for a connection; another one when that ends or was refused.  null: there is none, and the login is
 * over when the one that there is ends.  A server of before cannot refresh.
 */
async function giveToken({ reason }) {
  const token = sessionStorage.getItem(TOKEN);
  if (reason === 'connect')
    return token;
  try {
    const fresh = await refreshToken('/ws', token);
    if (sessionStorage.getItem(TOKEN) !== token)
      return null; /* logged out meanwhile */
    sessionStorage.setItem(TOKEN, fresh);
    return fresh;
  } catch (error) {
    if (!(error instanceof PosternError) || error.retry === 'after')
      throw error; /* nobody to ask now: the client asks again */
    if (client)
      $('login-state').textContent = 'this login ends soon: please log in again then';
    return null;
  }
}

function enter() {
  const user = sessionStorage.getItem(USER);
  showRoom(true);
  client = connect('/ws', { token: giveToken, storage: localStorage });
  client.on('state', onState);
  client.on('ready', onReady);
  client.on('identity', onIdentity);
  client.on('renewed', ({ expires_in_ms: ms }) => showLogin(ms, true));
  client.on('message', onMessage);
  client.on('push', onPush);
  client.on('gone', () => addLine('A message could not be kept until now.'));
  client.on('reset', () => addLine('What was said in between is not kept any more.'));
  client.on('presence', showPresence);
  client.on('typing', ({ from }) => from === peer() && showTyping(from));
  if (user !== null)
    recall(user);
  $('message').focus();
}

/* Out of this browser, with what was said. */
function leave(why) {
  client?.close();
  client = null;
  if (why === '') {
    history?.forget();
    localStorage.removeItem(`postern.position.${me}`);
  }
  history = null;
  me = '';
  facts = {};
  $('login-state').textContent = '';
  sessionStorage.removeItem(TOKEN);
  sessionStorage.removeItem(USER);
  $('messages').replaceChildren();
  $('pushes').replaceChildren();
  $('no-pushes').hidden = false;
  document.title = 'Postern';
  $('status').dataset.state = 'offline';
  $('status').textContent = 'not connected';
  showRoom(false);
  $('login-error').textContent = why;
  $('username').focus();
}

/* Everywhere: other windows with this login are closed by the server. */
async function leaveEverywhere() {
  const token = sessionStorage.getItem(TOKEN);
  leave('');
  try {
    await logOut('/ws', token);
  } catch (error) {
    const isSaid = error instanceof PosternError && error.retry !== 'after'; /* void already, or a server of before */
    if (!client && !isSaid)
      $('login-error').textContent = 'Logged out here, but the server could not be told.';
  }
}

/* A token, or an Error for the user. */
async function askToken(username, password) {
  const body = JSON.stringify({ username, password });
  const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body };
  const answer = await fetch('/api/login', request).catch(() => {
    throw new Error('The server cannot be reached.');
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok)
    return said.access_token;
  throw new Error(answer.status === 401 ? 'Wrong user name or password.' : said.message ?? 'That did not work.');
}

async function logIn() {
  $('login').disabled = true;
  $('login-error').textContent = '';
  try {
    const token = await askToken($('username').value, $('password').value);
    sessionStorage.setItem(TOKEN, token);
    $('password').value = '';
    enter();
  } catch (error) {
    $('login-error').textContent = error.message;
  } finally {
    $('login').disabled = false;
  }
}

function fitMessage() {
  const field = $('message');
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight + 2}px`;
}

function onType() {
  fitMessage();
  if ($('message').value !== '' && isUid(peer()))
    client?.typing(peer());
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText($(button.dataset.copy).textContent);
    button.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren($(button.dataset.copy));
    button.textContent = 'Selected';
  }
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
}

function onSubmit(id, fn) {
  $(id).addEventListener('submit', (event) => {
    event.preventDefault();
    fn();
  });
}

onSubmit('login-form', logIn);
onSubmit('composer', sendMessage);
$('logout').addEventListener('click', leaveEverywhere);
$('message').addEventListener('input', onType);
$('message').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing)
    return;
  event.preventDefault();
  if (!$('send').disabled)
    sendMessage();
});
$('to').addEventListener('input', () => {
  clearTimeout(toTimer);
  toTimer = setTimeout(watchPeer, SETTLE_MS);
});
for (const button of document.querySelectorAll('[data-copy]'))
  button.addEventListener('click', () => copy(button));
for (const button of document.querySelectorAll('[data-pick]')) {
  button.addEventListener('click', () => {
    $('username').value = button.dataset.pick;
    $('password').value = '';
    $('password').focus();
  });
}

if (sessionStorage.getItem(TOKEN))
  enter();
