// Errors as Lambda's Node.js runtimes report them: `errorType`, `errorMessage`, `trace`.

/** An error that the runtime finds, `Runtime.<kind>`. */
export class RuntimeFault extends Error {
  constructor(kind, message, stack) {
    super(message);
    this.name = `Runtime.${kind}`;
    if (stack !== undefined) this.stack = stack;
  }
}

/** The JSON of anything that was thrown. */
export function report(thrown) {
  try {
    if (thrown instanceof Error) {
      const trace = typeof thrown.stack === 'string' ? thrown.stack.split('\n') : [];
      return { errorType: thrown.name, errorMessage: thrown.message, trace };
    }
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  } catch {
    // An object that cannot be looked at.
    return { errorType: 'handled', errorMessage: 'an error that cannot be read was thrown', trace: [] };
  }
}

/** What the log says of it: with the error's own fields, as `code`. */
export function described(thrown) {
  const { errorType, errorMessage, trace } = report(thrown);
  const fields = { errorType, errorMessage };
  try {
    if (thrown instanceof Error) {
      return JSON.stringify({ ...fields, ...thrown, stack: trace });
    }
  } catch {
    // One of its fields is not JSON.
  }
  return JSON.stringify({ ...fields, stack: trace });
}
