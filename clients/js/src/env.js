/* env: what a client needs of the browser or of Node.  Tests of the client bring their own. */

const TIMER_MAX_MS = 2147483647;

/* What a page hears about itself and its network.  A function that stops it. */
function watchPage({ wake, doubt, hide }) {
  if (typeof globalThis.addEventListener !== 'function')
    return () => {};
  const page = globalThis.document;
  const heard = [
    [globalThis, 'online', wake],
    [globalThis, 'offline', doubt],
    [globalThis, 'pageshow', (event) => event.persisted && wake()],
    [globalThis, 'pagehide', hide],
    ...(page ? [[page, 'visibilitychange', () => (page.visibilityState === 'visible' ? wake() : hide())]] : []),
  ];
  for (const [target, name, listener] of heard)
    target.addEventListener(name, listener);
  return () => {
    for (const [target, name, listener] of heard)
      target.removeEventListener(name, listener);
  };
}

/* What a request needs; a connection needs more. */
export function httpEnv({ fetch = globalThis.fetch } = {}) {
  return {
    fetch: fetch && ((...args) => fetch(...args)),
    setTimer: (fn, ms) => setTimeout(fn, Math.min(Math.max(ms, 0), TIMER_MAX_MS)),
    clearTimer: (timer) => clearTimeout(timer),
  };
}

export function realEnv({ WebSocket = globalThis.WebSocket, ...more } = {}) {
  if (typeof WebSocket !== 'function')
    throw new TypeError('no WebSocket here: give one as the option WebSocket, for instance that of the package ws');
  return {
    ...httpEnv(more),
    WebSocket,
    now: () => performance.now(),
    random: () => Math.random(),
    watchPage,
  };
}
