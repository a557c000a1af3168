// A client of Lambda's Runtime API for Node.js functions, for projects that do not bring AWS's own
// (`aws-lambda-ric`): `node main.mjs HANDLER` with the variables that Lambda sets.
import { Connection } from './connection.mjs';
import { RuntimeFault, described, report } from './fault.mjs';
import { load } from './handler.mjs';
import { check, forget, invoke } from './invocation.mjs';
import { log, patchConsole, setRequestId } from './log.mjs';

const PREFIX = '/2018-06-01/runtime';
/** Exit codes of Lambda's runtime. */
const REJECTED = 128;
const UNCAUGHT = 129;

const missing = ['LAMBDA_TASK_ROOT', 'AWS_LAMBDA_RUNTIME_API'].filter((name) => !process.env[name]);
if (process.argv.length !== 3 || missing.length > 0) {
  const told = missing.length > 0 ? ` (${missing.join(', ')} not set)` : '';
  console.error(
    `usage: node ${process.argv[1]} HANDLER, as in index.handler, with the variables of the` +
      ` function${told}: \`gatepost dev --attach FUNCTION\` says the whole command`,
  );
  process.exit(1);
}

const api = new Connection(process.env.AWS_LAMBDA_RUNTIME_API);
const written = process.argv.pop();
/** The headers of the invocation under way. */
let current = null;
/** The process ends as soon as the error that ends it is told. */
let ending = false;

/** Headers of an answer: the invocation ID is given back if one came. */
function answerHeaders(headers, errorType) {
  const invocation = headers['lambda-runtime-invocation-id'];
  const given = invocation === undefined ? '' : `Lambda-Runtime-Invocation-Id: ${invocation}\r\n`;
  return errorType === undefined ? given : `${given}${errorTypeHeader(errorType)}`;
}

function errorTypeHeader(errorType) {
  return `Lambda-Runtime-Function-Error-Type: ${String(errorType).replace(/[^ -~]/g, '?')}\r\n`;
}

/** Posts an error to where the process is: Init, or an invocation. */
function postError(thrown, label) {
  log('ERROR', `${label} \t${described(thrown)}`);
  const error = report(thrown);
  const body = JSON.stringify(error);
  if (current === null) {
    return api.post(`${PREFIX}/init/error`, errorTypeHeader(error.errorType), body);
  }
  const id = current['lambda-runtime-aws-request-id'];
  return api.post(`${PREFIX}/invocation/${id}/error`, answerHeaders(current, error.errorType), body);
}

async function fail(thrown, label, code) {
  ending = true;
  api.hold(true);
  await postError(thrown, label).catch(() => {});
  process.exit(code);
}

process.on('uncaughtException', (error) => fail(error, 'Uncaught Exception', UNCAUGHT));
process.on('unhandledRejection', (reason) => {
  const message = reason instanceof Error ? String(reason) : format(reason);
  const stack = reason instanceof Error ? reason.stack : undefined;
  const rejection = new RuntimeFault('UnhandledPromiseRejection', message, stack);
  fail(rejection, 'Unhandled Promise Rejection', REJECTED);
});

function format(reason) {
  return typeof reason === 'string' ? reason : JSON.stringify(reason) ?? String(reason);
}

/** Writes the answer of an invocation, and does not wait. */
function answer(headers, result) {
  let body;
  try {
    body = JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch {
    const unwritable = new RuntimeFault('JSONStringifyError', 'Unable to stringify response body');
    return postError(unwritable, 'Invoke Error');
  }
  const id = headers['lambda-runtime-aws-request-id'];
  return api.post(`${PREFIX}/invocation/${id}/response`, answerHeaders(headers), body);
}

/** What is refused, a response above 6 MB, has been told to the caller. */
async function complain(answered) {
  const { status, body } = await answered;
  if (status !== 202) log('ERROR', `the Runtime API refused the answer: ${status} ${body}`);
}

async function run(handler) {
  for (let accepted = null; !ending; ) {
    // In one write with the answer before it.
    const next = api.get(`${PREFIX}/invocation/next`);
    api.hold(true);
    if (accepted !== null) await complain(accepted);
    const event = await next;
    // Only the handler's own work keeps the process alive now: when none is left, it is idle.
    api.hold(false);
    if (event.status !== 200) throw new Error(`${event.status} ${event.body}`);
    const { headers } = event;
    current = headers;
    setRequestId(headers['lambda-runtime-aws-request-id']);
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] ?? '';
    try {
      const result = await invoke(handler, event);
      if (!ending) accepted = answer(headers, result);
    } catch (error) {
      if (!ending) accepted = postError(error, 'Invoke Error');
    }
    forget();
  }
}

patchConsole();
let handler;
try {
  handler = await load(process.env.LAMBDA_TASK_ROOT, written);
  check(handler);
} catch (error) {
  await fail(error, 'Uncaught Exception', 1);
}
// What the module left rejected is known only when this turn of the event loop is over.
await new Promise(setImmediate);
// Without the Runtime API nobody is left to be told.
await run(handler).catch(() => process.exit(1));
