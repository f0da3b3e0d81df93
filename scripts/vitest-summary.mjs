/**
 * Prints the closing line that CI reads: `N passed, N failed`. A file that does not load, an error outside of a test
 * and a run that breaks off count as failed; skipped tests are named on the line before.
 */
export default class Summary {
  constructor() {
    this.count = { passed: 0, failed: 0, skipped: 0 };
    this.ended = false;
    process.on('exit', (code) => this.print(code));
  }

  onTestRunEnd(modules, unhandledErrors, reason) {
    this.ended = true;
    const { count } = this;
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state === 'pending' ? 'failed' : state] += 1;
      }
      // Errors of hooks and of loading belong to a suite or a file, not to a test.
      for (const suite of [module, ...module.children.allSuites()]) count.failed += suite.errors().length;
    }
    count.failed += unhandledErrors.length;
    if (reason === 'interrupted') count.failed += 1;
  }

  print(code) {
    const { passed, failed, skipped } = this.count;
    const brokenOff = !this.ended || (code !== 0 && failed === 0); // no file matched, for example
    if (skipped > 0) console.log(`\n${skipped} skipped`);
    console.log(`\n${passed} passed, ${brokenOff ? failed + 1 : failed} failed`);
  }
}
