import { isBuiltin } from 'node:module';
import path from 'node:path';
import type { Reference } from './source.js';
import { type Breach, entriesOf, isTest, originOf, roomOf, type Tree, targetOf } from './tree.js';

/** Who may look into which room. Apps may use every library, never another app; `test` may use everything. */
const LIBRARIES_OF: Readonly<Record<string, readonly string[]>> = {
  'libs/encoding': [],
  'libs/crypto': ['libs/encoding'],
  'libs/domain': ['libs/encoding', 'libs/crypto'],
  'libs/client': ['libs/encoding', 'libs/crypto'],
  'libs/event-store': ['libs/encoding', 'libs/domain'],
  'libs/projections': ['libs/encoding', 'libs/domain', 'libs/event-store'],
  'libs/signing': ['libs/encoding', 'libs/crypto'],
  'libs/wire': ['libs/encoding', 'libs/crypto'],
  'apps/auditor': ['libs/encoding', 'libs/crypto', 'libs/domain', 'libs/event-store', 'libs/wire'],
};

/** Packages of others, in the rooms that are pure or that run in a browser. */
const PACKAGES_OF: Readonly<Record<string, readonly string[]>> = {
  'libs/encoding': [],
  'libs/crypto': ['@noble/curves', '@noble/hashes', 'sodium-native', 'tweetnacl'],
  'libs/domain': [],
  'libs/client': [],
};

/** Node's own modules, in the same rooms. */
const BUILTINS_OF: Readonly<Record<string, readonly string[]>> = {
  'libs/encoding': [],
  'libs/crypto': ['node:crypto'],
  'libs/domain': [],
  'libs/client': [],
};

const PORTABLE_ENTRIES = [
  '@florin/encoding',
  '@florin/domain',
  '@florin/client',
  '@florin/crypto',
  '@florin/crypto/portable',
];
const PORTABLE_PACKAGES = ['@noble/curves', '@noble/hashes', 'tweetnacl'];
const NODE_GLOBALS = /^(Buffer|process|require|module|__dirname|__filename|global|setImmediate|clearImmediate)\b/;
const ONLY_IN_APPS = /^(@nestjs\/|class-validator$|class-transformer$|reflect-metadata$)/;

/** Rooms import only what their place in the house allows, by the entries that packages offer. */
export function importBreaches(tree: Tree): Breach[] {
  const entries = entriesOf(tree);
  return everyReference(tree, (file, reference) => {
    const room = roomOf(file);
    if (room === undefined || reference.kind === 'url') return [];
    const { specifier } = reference;
    if (specifier.startsWith('.')) return relativeBreaches(tree, file, room, reference);
    if (isBuiltin(specifier)) return builtinBreaches(file, room, specifier);
    if (specifier.startsWith('@florin/')) {
      const entry = entries.get(specifier);
      if (entry === undefined) return [`'${specifier}' is no entry of a package`];
      return [
        ...neighbourBreaches(tree, file, room, roomOf(entry) ?? ''),
        ...domainBreaches(tree, file, room, reference, entry),
      ];
    }
    return packageBreaches(tree, file, room, packageOf(specifier));
  });
}

function relativeBreaches(tree: Tree, file: string, room: string, reference: Reference): Breach[] {
  const target = path.posix.join(path.posix.dirname(file), reference.specifier);
  const source = room === 'test' ? 'test/' : `${room}/src/`;
  if (!target.startsWith(source)) return [`'${reference.specifier}' leaves its room: import a package by its name`];
  return targetOf(tree, file, reference) ? [] : [`'${reference.specifier}' does not exist`];
}

function builtinBreaches(file: string, room: string, specifier: string): Breach[] {
  if (!specifier.startsWith('node:')) return [`Node's '${specifier}' is imported as 'node:${specifier}'`];
  const allowed = BUILTINS_OF[room];
  return isTest(file) || !allowed || allowed.includes(specifier) ? [] : [`${room} does without '${specifier}'`];
}

function neighbourBreaches(tree: Tree, file: string, room: string, other: string): Breach[] {
  const breaches: Breach[] = [];
  const allowed = LIBRARIES_OF[room];
  const isLibrary = other.startsWith('libs/');
  const mayUse = room === 'test' || (allowed ? allowed.includes(other) : room.startsWith('apps/') && isLibrary);
  if (other !== room && !mayUse) breaches.push(`${room} may not look into ${other}`);
  if (other === room && room !== 'test') breaches.push('a room imports its own files by their paths');
  return [
    ...breaches,
    ...(other === room ? [] : undeclared(tree, file, room, tree.rooms.get(other)?.manifest.name ?? '')),
  ];
}

/** The store knows the shape of a decision and nothing else of the domain; the auditor has its own arithmetic. */
function domainBreaches(tree: Tree, file: string, room: string, reference: Reference, entry: string): Breach[] {
  if (roomOf(entry) !== 'libs/domain' || isTest(file)) return [];
  const onlyDecision = room === 'libs/event-store';
  if (!onlyDecision && room !== 'apps/auditor') return [];
  if (!reference.names) return ['names what it imports of the domain, one by one'];
  return reference.names.flatMap(({ name, typeOnly }) => {
    const origin = originOf(tree, entry, name);
    if (onlyDecision && origin !== 'libs/domain/src/decision.ts')
      return [`'${name}' is not of the shape of a decision`];
    const decider = origin !== undefined && tree.sources.get(origin)?.decides;
    return !onlyDecision && decider && !typeOnly
      ? [`'${name}' comes from a decider: shared arithmetic shares its bugs`]
      : [];
  });
}

function packageBreaches(tree: Tree, file: string, room: string, name: string): Breach[] {
  const breaches = undeclared(tree, file, room, name);
  if (isTest(file)) return breaches;
  if (ONLY_IN_APPS.test(name) && !room.startsWith('apps/')) breaches.push(`'${name}' belongs into apps`);
  const allowed = PACKAGES_OF[room];
  if (allowed && !allowed.includes(name)) breaches.push(`${room} does without '${name}'`);
  return breaches;
}

/** What ships stands in the room's own dependencies; tests may also use what is installed for development. */
function undeclared(tree: Tree, file: string, room: string, name: string): Breach[] {
  const { dependencies, devDependencies } = tree.rooms.get(room)?.manifest ?? {};
  const declared = {
    ...dependencies,
    ...(isTest(file) ? { ...devDependencies, ...tree.manifest.devDependencies } : {}),
  };
  return name in declared ? [] : [`'${name}' is not among the dependencies of ${room}`];
}

/** What a browser loads is free of Node, through all that it imports. */
export function portabilityBreaches(tree: Tree): Breach[] {
  const entries = entriesOf(tree);
  const reached = new Map<string, string>();
  const visit = (file: string | undefined, entry: string): void => {
    if (file === undefined || reached.has(file)) return;
    reached.set(file, entry);
    for (const reference of tree.sources.get(file)?.references ?? []) {
      if (!reference.typeOnly) visit(targetOf(tree, file, reference), entry);
    }
  };
  for (const entry of PORTABLE_ENTRIES) visit(entries.get(entry), entry);

  return [...reached].flatMap(([file, entry]) => {
    const source = tree.sources.get(file);
    const imports = (source?.references ?? []).filter(({ specifier }) => {
      if (specifier.startsWith('.') || specifier.startsWith('@florin/')) return false;
      return isBuiltin(specifier) || !PORTABLE_PACKAGES.includes(packageOf(specifier));
    });
    const uses = (source?.globals ?? []).filter(({ path: name }) => NODE_GLOBALS.test(name));
    return [
      ...imports.map(
        ({ specifier, line }) => `${file}:${line} '${specifier}' is reached from ${entry}, which is portable`,
      ),
      ...uses.map(({ path: name, line }) => `${file}:${line} ${name} is reached from ${entry}, which is portable`),
    ];
  });
}

/** Every app and library is known to the house plan, so that a new one cannot slip past it. */
export function unknownRooms(tree: Tree): Breach[] {
  return [...tree.rooms.keys()].flatMap((room) =>
    room in LIBRARIES_OF || /^apps\/[^/]+$|^test$/.test(room) ? [] : [`${room} has no place in the house plan`],
  );
}

/** The design allows fewer than twenty packages of others in what ships. */
export function tooManyPackages(tree: Tree): Breach[] {
  const names = new Set<string>();
  for (const { name, manifest } of tree.rooms.values()) {
    if (name === 'test') continue;
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      if (!dependency.startsWith('@florin/')) names.add(dependency);
    }
  }
  return names.size < 20 ? [] : [`${names.size} packages of others ship: ${[...names].sort().join(', ')}`];
}

function everyReference(tree: Tree, check: (file: string, reference: Reference) => Breach[]): Breach[] {
  return [...tree.sources].flatMap(([file, { references }]) =>
    references.flatMap((reference) => check(file, reference).map((breach) => `${file}:${reference.line} ${breach}`)),
  );
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
