/* What `npm pack` would publish. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const HERE = new URL('..', import.meta.url);
const read = (name) => readFileSync(new URL(name, HERE), 'utf8');

test('the package holds the sources, the types, the licence and nothing else', () => {
  const cwd = fileURLToPath(HERE);
  const [pack] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--offline'], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const sources = readdirSync(new URL('src', HERE)).map((name) => `src/${name}`);
  assert.deepEqual(pack.files.map(({ path }) => path).sort(), ['LICENSE', 'README.md', 'package.json', ...sources].sort());
  assert.equal(pack.name, 'postern-client');
});

test('it has the licence of the project and no dependency', () => {
  assert.equal(read('LICENSE'), read('../../LICENSE'));
  const { license, dependencies, exports, types } = JSON.parse(read('package.json'));
  assert.equal(license, 'MIT');
  assert.equal(dependencies, undefined);
  assert.equal(exports['.'].types, types);
  assert.doesNotThrow(() => [read(exports['.'].default), read(types)]);
});

test('the sources import each other and nothing else', () => {
  for (const name of readdirSync(new URL('src', HERE))) {
    for (const [, from] of read(`src/${name}`).matchAll(/^(?:import|export) .* from '([^']+)'/gm))
      assert.match(from, /^\.\/[a-z]+\.js$/, name);
  }
});

test('the types name what the module exports', async () => {
  const declared = [...read('src/index.d.ts').matchAll(/^export (?:class|const|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(await import('../src/index.js')).sort());
});
