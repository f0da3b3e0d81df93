import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkServer } from '@florin/event-store';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sourceOfOutput } from './architecture/tree.js';
import { StandIn } from './support/eventstoredb/stand-in.js';

// No container engine runs where the tests run: what can be said about the container files without one.
const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const dockerfile = read('Dockerfile');

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly restart: string;
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
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
  for (const [name, { volumes, ports = [], healthcheck, restart, depends_on = {} }] of Object.entries(
    compose.services,
  )) {
    for (const volume of volumes) expect(compose.volumes, name).toHaveProperty(volume.split(':')[0] ?? '');
    for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
    if (restart !== 'no') expect(healthcheck?.test[0], name).toBe('CMD');
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const ends = compose.services[other]?.restart === 'no';
      expect(condition, `${name} on ${other}`).toBe(ends ? 'service_completed_successfully' : 'service_healthy');
    }
  }
  for (const volume of Object.keys(compose.volumes)) {
    const users = Object.values(compose.services).filter(({ volumes }) =>
      volumes.some((v) => v.startsWith(`${volume}:`)),
    );
    expect(users.length, volume).toBeGreaterThan(0);
  }
});

describe('the profiles', () => {
  const inProfile = (profile: string): [name: string, service: Service][] =>
    Object.entries(compose.services).filter(([, { profiles }]) => profiles?.includes(profile));
  const exchangesOf = (services: [string, Service][]) => services.filter(([name]) => name.startsWith('exchange'));
  const serversOf = (services: [string, Service][]) =>
    services.filter(([, { image }]) => image.startsWith('eventstore/eventstore:'));

  test('need nothing but what is in them or always there', () => {
    for (const profile of ['eventstore', 'cluster']) {
      const there = [...inProfile(profile), ...Object.entries(compose.services).filter(([, one]) => !one.profiles)];
      const names = new Map(there);
      for (const [name, { depends_on = {} }] of inProfile(profile)) {
        for (const other of Object.keys(depends_on)) expect(names.has(other), `${name} on ${other}`).toBe(true);
      }
    }
  });

  test('run servers that the exchange takes: 22.10 or later, in a version that is named', () => {
    const servers = [...serversOf(inProfile('eventstore')), ...serversOf(inProfile('cluster'))];
    expect(servers).toHaveLength(4);
    for (const [, { image }] of servers) {
      const [, major, minor] = /:(\d+)\.(\d+)\.\d+-/.exec(image) ?? [];
      expect(Number(major) * 100 + Number(minor)).toBeGreaterThanOrEqual(2210);
    }
  });

  test('eventstore: one exchange on one server', () => {
    const [[, exchange] = [], ...others] = exchangesOf(inProfile('eventstore'));
    expect(others).toEqual([]);
    const [[server, { environment }] = ['', {} as Service]] = serversOf(inProfile('eventstore'));
    expect(exchange?.environment?.FLORIN_STORE).toBe(`esdb://${server}:2113?tls=false`);
    expect(environment).toMatchObject({ EVENTSTORE_CLUSTER_SIZE: '1', EVENTSTORE_INSECURE: 'true' });
  });

  test('cluster: two nodes with one key folder on three servers with TLS, closed to strangers first', () => {
    const cluster = inProfile('cluster');
    const servers = serversOf(cluster);
    expect(servers).toHaveLength(3);
    for (const [name, { environment = {} }] of servers) {
      const others = servers.map(([other]) => other).filter((other) => other !== name);
      expect(environment.EVENTSTORE_GOSSIP_SEED).toBe(others.map((other) => `${other}:2113`).join(','));
      expect(environment).not.toHaveProperty('EVENTSTORE_INSECURE');
      expect(environment).toMatchObject({
        EVENTSTORE_CLUSTER_SIZE: '3',
        EVENTSTORE_NODE_HOST_ADVERTISE_AS: name,
        EVENTSTORE_CERTIFICATE_FILE: `/certificates/${name}/node.crt`,
      });
    }
    const exchanges = exchangesOf(cluster);
    expect(exchanges).toHaveLength(2);
    const data = exchanges.map(([, { volumes }]) => volumes.find((volume) => volume.endsWith(':/data')));
    const keys = exchanges.map(([, { volumes }]) => volumes.find((volume) => volume.endsWith(':/data/keys')));
    expect([new Set(data).size, new Set(keys).size, keys[0]]).toEqual([2, 1, expect.any(String)]);
    for (const [, { environment, depends_on }] of exchanges) {
      const store = new URL(environment?.FLORIN_STORE?.replace('esdb:', 'http:').replaceAll(/:2113,[^?]+/g, '') ?? '');
      expect(store.searchParams.get('tls')).toBe('true');
      for (const [name] of servers) expect(environment?.FLORIN_STORE).toContain(`${name}:2113`);
      expect(depends_on).toHaveProperty('access');
      expect(compose.services.access?.command).toEqual([
        'node',
        'docker/close-to-strangers.mjs',
        environment?.FLORIN_STORE,
      ]);
    }
  });
});

test('every program in the containers trusts the authority, and none can sign for it', () => {
  const [script = ''] = compose.services.certificates?.command ?? [];
  expect(script).toContain('chown -R 1000:1000 server-1 server-2 server-3\n');
  expect(script).toMatch(/^chown -R 0:0 ca\nchmod 755 ca\nchmod 644 ca\/ca\.crt\nchmod 600 ca\/ca\.key$/m);
  const users = Object.values(compose.services).filter(({ volumes = [] }) =>
    volumes.some((volume) => volume.startsWith('certificates:')),
  );
  for (const { user, volumes } of users)
    expect(user === '0:0' || volumes.includes('certificates:/certificates:ro')).toBe(true);
});

test('an exchange is served by a server with default access rules once strangers are shut out', async () => {
  const standIn = await StandIn.start({ tls: true });
  const { connectionString } = standIn;
  const check = () => checkServer({ connectionString, instance: 'florin', callTimeoutMs: 5_000 });
  await expect(check()).rejects.toThrow(/without a password/);
  const program = fileURLToPath(new URL('docker/close-to-strangers.mjs', root));
  const child = spawn(process.execPath, [program, connectionString], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(await check()).toMatchObject({ isSecure: true });
  await standIn.close();
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
