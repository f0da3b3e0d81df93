import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { sourceOfOutput } from './architecture/tree.js';

// No container engine runs where the tests run: what can be said about the container files without one.
const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const dockerfile = read('Dockerfile');

interface Service {
  readonly command?: readonly string[];
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, unknown>>;
}
const compose: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(
  read('docker-compose.yml'),
  { merge: true },
);

/** The compiled programs and scripts that a text names, as their sources. */
const programsIn = (text: string): string[] =>
  [...text.matchAll(/\b(?:(?:apps|libs)\/[\w-]+\/dist|test\/dist|docker|scripts)\/[\w./-]+\.m?js\b/g)].map(([path]) =>
    sourceOfOutput(path),
  );

test('every npm script that the README names exists', () => {
  const { scripts } = JSON.parse(read('package.json'));
  const named = [...read('README.md').matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(start|test)\b)/g)];
  expect(named.length).toBeGreaterThanOrEqual(6);
  for (const [, run, short] of named) expect(scripts).toHaveProperty([run ?? short ?? '']);
});

test('every program that the container files and package.json name has a source', () => {
  const programs = programsIn(dockerfile + read('docker-compose.yml') + read('package.json'));
  expect(programs.length).toBeGreaterThanOrEqual(12);
  for (const program of programs) expect(existsSync(new URL(program, root)), program).toBe(true);
});

test('every service keeps its data in a declared volume, listens on the own machine only and tells its health', () => {
  expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(['bank', 'exchange']));
  for (const [name, { volumes, ports, healthcheck, depends_on }] of Object.entries(compose.services)) {
    for (const volume of volumes) expect(compose.volumes, name).toHaveProperty(volume.split(':')[0] ?? '');
    for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    expect(healthcheck.test[0], name).toBe('CMD');
    for (const other of Object.keys(depends_on ?? {})) expect(compose.services, name).toHaveProperty(other);
  }
});

test('the image runs as an unprivileged user, from paths that exist', () => {
  expect(dockerfile).toMatch(/^USER node$/m);
  for (const [, path] of dockerfile.matchAll(/\/opt\/florin\/(\S+)/g))
    expect(existsSync(new URL(path ?? '', root))).toBe(true);
  for (const [, paths] of dockerfile.matchAll(/^COPY --from=build (.+) \S+$/gm)) {
    for (const path of (paths ?? '').split(' '))
      expect(existsSync(new URL(path.replace('/src/', ''), root)), path).toBe(true);
  }
});

test('the exchange in a container offers what the one of npm start offers', () => {
  const development = parse(read('apps/exchange/config/development.yaml'), { merge: true });
  const container = parse(read('docker/exchange.yaml'), { merge: true });
  const { developmentBank, data, wireAccounts, ...same } = development;
  expect(container).toMatchObject(same);
  expect(container.wireAccounts.map(({ name }: { name: string }) => name)).toEqual(
    wireAccounts.map(({ name }: { name: string }) => name),
  );
  expect(container.developmentBank).toBeUndefined();
  expect([developmentBank.account, data]).toEqual(['exchange', 'data']);
});
