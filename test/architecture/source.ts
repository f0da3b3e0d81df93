import ts from 'typescript';

/** One `import`, `export ... from`, `import()` or `new URL('./x.js', import.meta.url)` of a source file. */
export interface Reference {
  readonly kind: 'import' | 'export' | 'call' | 'url';
  readonly specifier: string;
  /** What is named, by its name in the other module; undefined for all of it (`* as x`, `export *`, `import()`). */
  readonly names: readonly { readonly name: string; readonly typeOnly: boolean }[] | undefined;
  /** Nothing of it is left in the compiled file. */
  readonly typeOnly: boolean;
  readonly line: number;
}

/** A name in the text, and where. `Date.now` and `globalThis.Date.now` both give the path `Date.now`. */
export interface Use {
  readonly path: string;
  readonly line: number;
}

/** What the rules want to know of a source file: what it imports, uses without having declared it, and exports. */
export interface Source {
  readonly references: readonly Reference[];
  /** Globals, with a member (`Math.random`) or without (`process`), called (`Date()`) or constructed (`new Date()`). */
  readonly globals: readonly Use[];
  /** Every identifier, members included. */
  readonly identifiers: readonly Use[];
  /** Number literals with a point or an exponent. */
  readonly fractions: readonly Use[];
  readonly exports: ReadonlySet<string>;
  /** Exports of a type `Decider<...>` or of a name `decide...`. */
  readonly decides: boolean;
}

/** Reads one TypeScript or JavaScript file. Comments and strings do not count, except as what is imported. */
export function parseSource(path: string, text: string): Source {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
  const declared = new Set<string>();
  const references: Reference[] = [];
  const identifiers: (Use & { readonly node: ts.Identifier })[] = [];
  const fractions: Use[] = [];
  const exports = new Set<string>();
  let decides = false;

  const lineOf = (node: ts.Node): number => file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
  const visit = (node: ts.Node): void => {
    const reference = referenceOf(node, lineOf);
    if (reference) references.push(reference);
    if (isDeclaration(node)) declared.add(node.text);
    if (ts.isIdentifier(node)) identifiers.push({ path: node.text, line: lineOf(node), node });
    if (ts.isNumericLiteral(node) && /^(?!0x).*[.e]/i.test(node.getText(file))) {
      fractions.push({ path: node.getText(file), line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);

  for (const statement of file.statements) {
    for (const { name, type } of exportsOf(statement)) {
      exports.add(name);
      if (/^decide[A-Z]/.test(name) || type?.startsWith('Decider<')) decides = true;
    }
  }
  const globals = identifiers.flatMap(({ node, line }) => {
    const path = globalPath(node, declared);
    return path === undefined ? [] : [{ path, line }];
  });
  return {
    references,
    globals,
    identifiers: identifiers.map((use) => ({ path: use.path, line: use.line })),
    fractions,
    exports,
    decides,
  };
}

function referenceOf(node: ts.Node, lineOf: (node: ts.Node) => number): Reference | undefined {
  const line = lineOf(node);
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    const clause = node.importClause;
    const bindings = clause?.namedBindings;
    const typeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    const named = bindings && ts.isNamedImports(bindings) ? namesOf(bindings.elements, typeOnly) : [];
    const whole = bindings && ts.isNamespaceImport(bindings);
    const names = clause?.name ? [{ name: 'default', typeOnly }, ...named] : named;
    return {
      kind: 'import',
      specifier: node.moduleSpecifier.text,
      names: whole ? undefined : names,
      typeOnly: typeOnly || (names.length > 0 && !whole && names.every((name) => name.typeOnly)),
      line,
    };
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
    const { exportClause, isTypeOnly } = node;
    const names =
      exportClause && ts.isNamedExports(exportClause) ? namesOf(exportClause.elements, isTypeOnly) : undefined;
    const typeOnly = isTypeOnly || (names !== undefined && names.length > 0 && names.every((name) => name.typeOnly));
    return { kind: 'export', specifier: node.moduleSpecifier.text, names, typeOnly, line };
  }
  const [first] = ts.isCallExpression(node) || ts.isNewExpression(node) ? (node.arguments ?? []) : [];
  if (!first || !ts.isStringLiteral(first)) return undefined;
  const specifier = first.text;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return { kind: 'call', specifier, names: undefined, typeOnly: false, line };
  }
  const isUrl = ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'URL';
  return isUrl ? { kind: 'url', specifier, names: undefined, typeOnly: false, line } : undefined;
}

function namesOf(elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[], typeOnly: boolean) {
  return elements.map((element) => ({
    name: (element.propertyName ?? element.name).text,
    typeOnly: typeOnly || element.isTypeOnly,
  }));
}

function exportsOf(statement: ts.Statement): { name: string; type?: string | undefined }[] {
  const exported = ts.canHaveModifiers(statement)
    ? ts.getModifiers(statement)?.some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword)
    : false;
  if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
    return statement.moduleSpecifier ? [] : statement.exportClause.elements.map(({ name }) => ({ name: name.text }));
  }
  if (!exported) return [];
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name, type }) => ({
      name: name.getText(),
      type: type?.getText(),
    }));
  }
  const { name } = statement as ts.DeclarationStatement;
  return name ? [{ name: name.text }] : [];
}

/** The identifier gives a name to something in this file: a variable, parameter, function, class, type or import. */
function isDeclaration(node: ts.Node): node is ts.Identifier {
  if (!ts.isIdentifier(node)) return false;
  const { parent } = node;
  const named =
    ts.isVariableDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isFunctionExpression(parent) ||
    ts.isClassDeclaration(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isImportClause(parent) ||
    ts.isNamespaceImport(parent) ||
    ts.isTypeAliasDeclaration(parent) ||
    ts.isInterfaceDeclaration(parent) ||
    ts.isEnumDeclaration(parent);
  return named && parent.name === node;
}

/** How a name that this file did not declare is used as a value; undefined if it is none. */
function globalPath(node: ts.Identifier, declared: ReadonlySet<string>): string | undefined {
  let value: ts.Expression = node;
  let name = node.text;
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) {
    if (!ts.isIdentifier(parent.expression) || !/^(globalThis|global|window|self)$/.test(parent.expression.text)) {
      return undefined;
    }
    value = parent; // globalThis.process is process
  } else if (declared.has(name) || ts.isPartOfTypeNode(node) || isMemberName(node)) {
    return undefined;
  }
  const user = value.parent;
  if (ts.isPropertyAccessExpression(user) && user.expression === value) return `${name}.${user.name.text}`;
  if (ts.isElementAccessExpression(user) && user.expression === value && ts.isStringLiteral(user.argumentExpression)) {
    return `${name}.${user.argumentExpression.text}`;
  }
  if (ts.isCallExpression(user) && user.expression === value) name += '()';
  if (ts.isNewExpression(user) && user.expression === value)
    name = `new ${name}(${user.arguments?.length ? '...' : ''})`;
  return name;
}

/** `{ process: 1 }`, `interface X { process: ... }`, `class X { process() {} }`, labels and the like. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  if (ts.isQualifiedName(parent) || ts.isMetaProperty(parent) || ts.isExportSpecifier(parent)) return true;
  if (ts.isImportSpecifier(parent) || (ts.isBindingElement(parent) && parent.initializer !== node)) return true;
  return 'name' in parent && parent.name === node;
}
