// One connection to the Runtime API, kept alive for the life of the process: HTTP/1.1 on a bare socket,
// because an HTTP client costs three times as much as all the rest of an invocation.
import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/** Requests are written in the order of the calls and answered in that order; several may be under way. */
export class Connection {
  #socket;
  #host;
  /** What waits for an answer, the oldest first. */
  #waiting = [];
  /** Requests of this turn of the event loop: one write takes them all. */
  #outgoing = '';
  /** What came of an answer that is not complete, and how long that must become; 0 while it is unknown. */
  #pieces = [];
  #length = 0;
  #needed = 0;

  /** Connects to `authority`, `host:port`. The socket keeps the process alive only while `hold` says so. */
  constructor(authority) {
    const colon = authority.lastIndexOf(':');
    this.#host = authority;
    this.#socket = connect({
      host: authority.slice(0, colon),
      port: Number(authority.slice(colon + 1)),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(64 * 1024),
        callback: (length, buffer) => this.#take(buffer.subarray(0, length)),
      },
    });
    this.#socket.unref();
    this.#socket.on('error', (error) => this.#end(error));
    this.#socket.on('close', () => this.#end(new Error('the Runtime API closed the connection')));
  }

  /** Whether the process goes on when nothing but this connection is left. */
  hold(held) {
    if (held) this.#socket.ref();
    else this.#socket.unref();
  }

  /** Sends a request and waits for its answer: `{ status, headers, body }`, names of headers in lower case. */
  get(path) {
    return this.#send(`GET ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`);
  }

  /** As `get`; `headers` are lines, each with its `\r\n`. */
  post(path, headers, body) {
    const length = Buffer.byteLength(body);
    return this.#send(
      `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\n` +
        `${headers}Content-Length: ${length}\r\n\r\n${body}`,
    );
  }

  #send(request) {
    if (this.#outgoing === '') {
      queueMicrotask(() => {
        this.#socket.write(this.#outgoing);
        this.#outgoing = '';
      });
    }
    this.#outgoing += request;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Takes what arrived: hands out the answers in it, and keeps the beginning of one. `true`: read on. */
  #take(piece) {
    let bytes = piece;
    if (this.#pieces.length > 0) {
      this.#keep(piece);
      if (this.#length < this.#needed) return true;
      bytes = Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#length = 0;
    }
    this.#needed = 0;
    while (bytes.length > 0) {
      const headEnd = bytes.indexOf(HEAD_END);
      if (headEnd < 0) break;
      const answer = readHead(bytes.latin1Slice(0, headEnd));
      const start = headEnd + HEAD_END.length;
      const end = start + Number(answer.headers['content-length'] ?? 0);
      this.#needed = end;
      if (bytes.length < end) break;
      answer.body = bytes.utf8Slice(start, end);
      this.#waiting.shift()?.resolve(answer);
      bytes = bytes.subarray(end);
      this.#needed = 0;
    }
    if (bytes.length > 0) this.#keep(bytes);
    return true;
  }

  #keep(bytes) {
    // The socket reads into the same buffer again.
    this.#pieces.push(Buffer.from(bytes));
    this.#length += bytes.length;
  }

  #end(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

/** Status and headers of an answer's head. */
function readHead(head) {
  const lines = head.split('\r\n');
  const headers = {};
  for (let at = 1; at < lines.length; at += 1) {
    const line = lines[at];
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(lines[0].slice(9, 12)), headers, body: '' };
}
