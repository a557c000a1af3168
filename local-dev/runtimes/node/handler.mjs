// From `Handler` to a function: Lambda guide, "Define Lambda function handler in Node.js".
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { RuntimeFault } from './fault.mjs';

/** Where a module is looked for, in this order; a bare name is a file without an ending. */
const ENDINGS = ['', '.js', '.mjs', '.cjs'];

/** The function that `written` names, `folder/module.export`, in the function's folder `root`. */
export async function load(root, written) {
  if (written.includes('..')) {
    throw new RuntimeFault(
      'MalformedHandlerName',
      `'${written}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(written);
  const dot = base.indexOf('.');
  if (dot < 0) throw new RuntimeFault('MalformedHandlerName', 'Bad handler');
  const folder = path.resolve(root, path.dirname(written));
  const exported = await importModule(root, folder, base.slice(0, dot));
  const names = base.slice(dot + 1).split('.');
  const handler = member(exported, names) ?? member(exported.default, names);
  if (!handler) {
    throw new RuntimeFault('HandlerNotFound', `${written} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw new RuntimeFault('HandlerNotFound', `${written} is not a function`);
  }
  return handler;
}

async function importModule(root, folder, name) {
  try {
    for (const ending of ENDINGS) {
      const file = path.join(folder, name + ending);
      if (existsSync(file)) return await importFile(file, ending);
    }
    // A package of the function's own node_modules.
    const require = createRequire(path.join(folder, 'handler.js'));
    return require(require.resolve(name, { paths: [root, folder] }));
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new RuntimeFault('UserCodeSyntaxError', String(error), error.stack);
    }
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      suggestSdk(String(error), root);
      throw new RuntimeFault('ImportModuleError', String(error), error.stack);
    }
    throw error;
  }
}

/** `import` reads both kinds of modules; only a file without an ending must be CommonJS. */
function importFile(file, ending) {
  return ending === '' ? createRequire(file)(file) : import(pathToFileURL(file));
}

function member(value, names) {
  return names.reduce((value, name) => {
    const holds = value !== null && (typeof value === 'object' || typeof value === 'function');
    return holds ? value[name] : undefined;
  }, value);
}

/** Lambda's Node runtimes bring the SDK along: code that runs there may lack it here. */
function suggestSdk(message, root) {
  const sdk = message.match(/'((?:@aws-sdk|@smithy)\/[^'/]+)/);
  if (sdk === null) return;
  process.stderr.write(
    `${sdk[1]} is part of Lambda's Node.js runtimes, but is not installed here: ` +
      `npm install --prefix ${root} ${sdk[1]}\n`,
  );
}
