// A WebSocket whose other end is the test.

import assert from 'node:assert/strict';

import { settled } from './fake-clock.mjs';

/** Makes a class like WebSocket; its instances are in `sockets`, oldest first. */
export function fakeWebSocket() {
  const sockets = [];
  class FakeSocket {
    readyState = 0;
    /** Frames sent by the page and not yet looked at. */
    sent = [];

    constructor(url, protocols) {
      this.url = url;
      this.protocols = protocols;
      sockets.push(this);
    }

    send(text) {
      assert.equal(this.readyState, 1, 'sent on a socket that is not open');
      this.sent.push(JSON.parse(text));
    }

    close() {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.closed = true;
    }

    /** The handshake succeeds. */
    async accept() {
      this.readyState = 1;
      this.onopen?.();
      await settled();
    }

    /** The connection breaks. */
    async drop(code = 1006, reason = '') {
      this.readyState = 3;
      this.onclose?.({ code, reason });
      await settled();
    }

    async receive(frame) {
      this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
      await settled();
    }

    /** The next frame from the page, which must be `action`. */
    take(action) {
      const frame = this.sent.shift();
      assert.equal(frame?.action, action);
      return frame;
    }

    async ok({ id }, ok) {
      await this.receive({ reply: id, ok });
    }

    async refuse({ id }, code, more = {}) {
      await this.receive({ reply: id, error: { code, message: code, request: 'req-1', ...more } });
    }

    async push(room, items, epoch = 1) {
      await this.receive({ event: 'entries', room, epoch, items });
    }
  }
  FakeSocket.sockets = sockets;
  return FakeSocket;
}
