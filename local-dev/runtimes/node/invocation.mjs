// One invocation: the handler's context, and the one answer that comes of the many ways to give it.
import { RuntimeFault } from './fault.mjs';

const { env } = process;

/** Node.js 24 and later take no callbacks: Lambda guide, "Node.js 24 runtime". */
const TAKES_CALLBACKS = !(Number(env.AWS_EXECUTION_ENV?.match(/nodejs(\d+)/)?.[1]) >= 24);

const NEVER_SETTLED =
  'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a ' +
  'Promise that was never settled. For more information, see ' +
  'https://nodejs.org/docs/latest/api/process.html#exit-codes';

/** Refuses a handler that would never be answered. */
export function check(handler) {
  if (!TAKES_CALLBACKS && handler.length >= 3) {
    throw new RuntimeFault(
      'CallbackHandlerDeprecated',
      'handlers with a callback are not supported since Node.js 24: return a promise instead',
    );
  }
}

/** The context of the invocation with these headers of `/next`. */
function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    clientContext: parsed(headers['lambda-runtime-client-context']),
    identity: parsed(headers['lambda-runtime-cognito-identity']),
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

function parsed(header) {
  return header === undefined ? undefined : JSON.parse(header);
}

/** Calls the handler and settles with what it answers, or rejects with what it threw. */
export function invoke(handler, { headers, body }) {
  const context = contextOf(headers);
  const event = JSON.parse(body);
  return TAKES_CALLBACKS ? invokeWithCallback(handler, event, context) : settled(handler(event, context));
}

function invokeWithCallback(handler, event, context) {
  return new Promise((resolve, reject) => {
    let waits = true;
    const done = (error, result) => (error === undefined || error === null ? resolve(result) : reject(error));
    const callback = (error, result) => {
      // By default a result waits until nothing else is to be done.
      if (waits && (error === undefined || error === null)) whenIdle(() => resolve(result));
      else done(error, result);
    };
    Object.defineProperty(context, 'callbackWaitsForEmptyEventLoop', {
      get: () => waits,
      set: (value) => {
        waits = Boolean(value);
      },
      enumerable: true,
    });
    Object.assign(context, { done, succeed: (result) => done(null, result), fail: (error) => done(error ?? 'handled') });

    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') settled(returned).then(resolve, reject);
    // Neither promise nor callback: `null`, when nothing is left to do.
    else if (whenEmpty === null) whenIdle(() => resolve(null));
  });
}

/** A promise that fails when it can no longer be settled. */
function settled(promise) {
  if (typeof promise?.then !== 'function') return promise;
  return new Promise((resolve, reject) => {
    whenIdle(() => reject(new RuntimeFault('NodeJsExit', NEVER_SETTLED)));
    promise.then(resolve, reject);
  });
}

/** What to do when the event loop is empty. */
let whenEmpty = null;

function whenIdle(task) {
  whenEmpty = task;
}

/** Of the invocation that is over nothing is to be done any more. */
export function forget() {
  whenEmpty = null;
}

process.on('beforeExit', () => {
  const task = whenEmpty;
  forget();
  task?.();
});
