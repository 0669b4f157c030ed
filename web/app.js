/*
 * The demo page: login, one conversation, presence, typing, pushes.  Text of others goes into the page as
 * text nodes, never as markup.
 */
import { Connection } from './connection.js';

const NAMES = new Map([['1', 'jim'], ['2', 'john']]);
const OTHER = new Map([['1', '2'], ['2', '1']]);
const TYPING_EVERY_MS = 2000;
const TYPING_SHOWN_MS = 3500;
const SETTLE_MS = 400; /* after the last key in the recipient's field */
const MESSAGES_KEPT = 500;
const PUSHES_KEPT = 50;
const KEY = 'postern.token'; /* of this tab alone: two tabs may be two users */

const $ = (id) => document.getElementById(id);
const nameOf = (uid) => NAMES.get(uid) ?? uid;
const timeOf = (ms) => new Date(ms).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
const peer = () => $('to').value.trim();

let connection = null;
let me = '';
let typingSaid = 0;
let typingTimer = 0;
let toTimer = 0;

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

function addBubble({ mine, text, at, who, state = '' }) {
  const item = element('li', mine ? 'mine' : 'theirs');
  const about = element('div', 'about');
  about.append(element('span', 'who', who), element('span', '', timeOf(at)), element('span', 'state', state));
  item.append(element('div', 'bubble', text), about);
  append($('messages'), item, MESSAGES_KEPT);
  return item;
}

function addLine(text) {
  append($('messages'), element('li', 'line', text), MESSAGES_KEPT);
}

function setState(item, text, failed = false) {
  item.classList.toggle('failed', failed);
  item.querySelector('.state').textContent = text;
}

const REFUSALS = new Map([
  [1101, 'nobody has that name'],
  [1102, 'is not connected'],
  [1301, 'too fast, wait a little'],
]);

async function deliver(item, to, text) {
  item.querySelector('button')?.remove();
  setState(item, 'sending…');
  try {
    const ack = await connection.ask('chat', { toUserId: to, message: text });
    setState(item, `✓ ${ack.state}${ack.devices > 1 ? ` to ${ack.devices} devices` : ''}`);
  } catch (refused) {
    const again = element('button', 'quiet', 'Try again');
    again.type = 'button';
    again.onclick = () => deliver(item, to, text);
    setState(item, `✗ ${REFUSALS.get(refused.code) ?? refused.message}`, true);
    item.querySelector('.about').append(again);
  }
}

function sendMessage() {
  const text = $('message').value;
  const to = peer();
  if (text.trim() === '' || to === '')
    return;
  $('message').value = '';
  fitMessage();
  typingSaid = 0;
  deliver(addBubble({ mine: true, text, at: Date.now(), who: `to ${nameOf(to)}` }), to, text);
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

/* The recipient's field changed. */
function watchPeer() {
  const to = peer();
  $('peer-name').textContent = to === '' ? 'nobody' : nameOf(to);
  $('peer-dot').dataset.state = 'unknown';
  $('peer-state').textContent = 'unknown';
  showTyping('');
  if (/^[A-Za-z0-9._@:-]{1,128}$/.test(to))
    connection?.say('watch', { users: [to] });
}

function onChat(frame) {
  const at = frame.ts ?? Date.now();
  const { fromUser, toUser, content } = frame.data;
  if (frame.carbon) {
    addBubble({ mine: true, text: content, at, who: `to ${nameOf(String(toUser))}`, state: 'from another device' });
    return;
  }
  if (String(fromUser) === peer())
    showTyping('');
  addBubble({ mine: false, text: content, at, who: nameOf(String(fromUser)) });
}

function onPush(frame) {
  const item = element('li');
  const head = element('div', 'head');
  const { data } = frame;
  const text = typeof data === 'string' ? data : data?.text;
  head.append(element('b', '', frame.event), element('span', '', frame.st === 's' ? 'to all' : 'to you'),
    element('time', '', timeOf(frame.ts ?? Date.now())));
  item.append(head, element('div', 'what', typeof text === 'string' ? text : JSON.stringify(data)));
  $('no-pushes').hidden = true;
  append($('pushes'), item, PUSHES_KEPT);
}

function onFrame(frame) {
  switch (frame.event) {
    case 'chat':
      onChat(frame);
      break;
    case 'typing':
      if (String(frame.data.fromUser) === peer())
        showTyping(String(frame.data.fromUser));
      break;
    case 'presence':
      showPresence(frame.data);
      break;
    case 'reset':
      addLine('The server began anew.');
      break;
    case 'identity':
    case 'auth.expiring':
      break;
    default:
      onPush(frame);
  }
}

function showFacts(ready) {
  const facts = [
    ['connection', ready.conn],
    ['user', ready.user],
    ['device', ready.device],
    ['epoch', ready.resume.epoch],
    ['numbers', `u ${ready.resume.u}, s ${ready.resume.s}`],
    ['messages', `${ready.limits.msgs_per_s}/s, burst ${ready.limits.burst}`],
    ['token ends in', `${Math.round(ready.auth.expires_in_ms / 60000)} min`],
  ];
  $('facts').replaceChildren(...facts.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', String(value))]));
}

function onReady(ready) {
  if (me !== ready.user) {
    me = ready.user;
    $('to').value = OTHER.get(me) ?? '';
  }
  $('me-name').textContent = NAMES.has(me) ? `${nameOf(me)} (user ${me})` : `user ${me}`;
  document.title = `${nameOf(me)} · Postern`;
  $('push-one').textContent = `routerctl push --user ${me} --event news --data '"only for ${nameOf(me)}"'`;
  showFacts(ready);
  watchPeer();
}

function showStatus({ state, text }) {
  $('status').dataset.state = state;
  $('status').textContent = text;
  $('send').disabled = state !== 'online';
}

function showRoom(inside) {
  $('door').hidden = inside;
  $('room').hidden = !inside;
  $('me').hidden = !inside;
}

function enter(token) {
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
  showRoom(true);
  connection = new Connection(url, token);
  connection.addEventListener('state', (event) => showStatus(event.detail));
  connection.addEventListener('ready', (event) => onReady(event.detail));
  connection.addEventListener('frame', (event) => onFrame(event.detail));
  connection.addEventListener('unauthorized', () => leave('Your login has ended. Please log in again.'));
  $('message').focus();
}

function leave(why) {
  connection?.stop();
  connection = null;
  me = '';
  sessionStorage.removeItem(KEY);
  $('messages').replaceChildren();
  $('pushes').replaceChildren();
  $('no-pushes').hidden = false;
  document.title = 'Postern';
  showRoom(false);
  $('login-error').textContent = why;
  $('username').focus();
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
    sessionStorage.setItem(KEY, token);
    $('password').value = '';
    enter(token);
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
  const now = Date.now();
  fitMessage();
  if ($('message').value !== '' && peer() !== '' && now - typingSaid > TYPING_EVERY_MS &&
      connection?.say('typing', { toUserId: peer() }))
    typingSaid = now;
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
$('logout').addEventListener('click', () => leave(''));
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

const kept = sessionStorage.getItem(KEY);
if (kept)
  enter(kept);
