// The console as Lambda's Node.js runtimes have it: time, request ID and level before each message, between
// tabs. Line breaks stay what they are.
import { format } from 'node:util';

let requestId;

/** Messages are of this invocation from now on. */
export function setRequestId(id) {
  requestId = id;
}

/** Writes one message. */
export function log(level, message) {
  process.stdout.write(`${new Date().toISOString()}\t${requestId}\t${level}\t${message}\n`);
}

/** Lets the methods of the console write so. */
export function patchConsole() {
  const levels = {
    trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', fatal: 'FATAL',
  };
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...values) => log(level, format(...values));
  }
}
