/* link: at most one socket at a time.  Of one that was dropped nothing is heard any more. */

export class Link {
  #env;
  #socket = null;
  #onFrame;
  #onEnd;
  #onBad;

  /* onFrame(frame, length of its text), onEnd(code, reason), onBad(error): a frame that it could not take. */
  constructor(env, { onFrame, onEnd, onBad }) {
    this.#env = env;
    this.#onFrame = onFrame;
    this.#onEnd = onEnd;
    this.#onBad = onBad;
  }

  /* token: null where the address has a one-time ticket. */
  open(url, token) {
    const socket = new this.#env.WebSocket(url, ['postern.v1', ...(token === null ? [] : [`bearer.${token}`])]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => socket === this.#socket && this.#onText(data);
    socket.onerror = () => {}; /* a close follows */
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.#socket)
        return;
      this.#socket = null;
      this.#onEnd(code, reason);
    };
  }

  drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  say(frame) {
    this.#socket?.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /* What cannot be read costs this frame, whatever it does to whom. */
  #onText(text) {
    try {
      const frame = JSON.parse(text);
      if (typeof frame?.event === 'string')
        this.#onFrame(frame, text.length);
    } catch (error) {
      this.#onBad(error);
    }
  }
}
