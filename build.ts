import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const root = import.meta.dirname;
const dist = join(root, 'dist');

/**
 * What dockerode loads at start for things that this program never does: Docker over SSH (with native modules),
 * image builds (gRPC, protocol buffers) and archives of folders. Whoever uses one of them gets an error that says so.
 */
const unused = [
  'ssh2',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore',
];

const leaveOut: Plugin = {
  name: 'leave-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(?:${unused.join('|')})$`) }, ({ path }) => ({
      path,
      namespace: 'left-out',
    }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, {
        get: () => () => { throw new Error(${JSON.stringify(`${path} is not part of the bundle`)}); },
      });`,
    }));
    // Messages of zod in 50 languages, and character sets of East Asia for request bodies that are refused anyway.
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
    // The line would show registry logins, and is put together whether anybody reads it or not.
    onLoad({ filter: /\/docker-modem\/lib\/modem\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace(/^ {2}debug\('Sending: %s', util\.inspect\([^;]*;$/m, '');
      return contents === source
        ? { errors: [{ text: 'The debug line of docker-modem is not where it was.' }] }
        : { contents };
    });
    onLoad({ filter: /\/iconv-lite\/encodings\/tables\/.*\.json$/ }, () => ({
      contents: '[]',
      loader: 'json',
    }));
  },
};

mkdirSync(dist, { recursive: true });
await build({
  entryPoints: [join(root, 'src', 'main.ts')],
  outfile: join(dist, 'main.js'),
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  minifyWhitespace: true,
  // Identifiers stay: stacks and errors of packages that take their names from their classes (jose) are readable then,
  // and esbuild's `keepNames` would define the name of each inner function anew whenever it is made.
  minifyIdentifiers: false,
  legalComments: 'linked',
  // CommonJS packages in it ask for Node's own modules.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  plugins: [leaveOut],
  logLevel: 'warning',
});
// The bundle runs where this repository's package.json is not.
writeFileSync(join(dist, 'package.json'), '{"type":"module"}\n');
console.log(`dist/main.js ${(statSync(join(dist, 'main.js')).size / 1024).toFixed(0)} KiB`);
