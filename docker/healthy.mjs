// node healthy.mjs URL: exit code 0 if it answers with success within four seconds, else 1.
const healthy = await fetch(process.argv[2], { signal: AbortSignal.timeout(4000) }).then(
  (response) => response.ok,
  () => false,
);
process.exit(healthy ? 0 : 1);
