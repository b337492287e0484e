// A warning that nobody reads is a test that nobody wrote: whatever reaches the console fails the test.
for (const level of ['error', 'warn'] as const) {
  console[level] = (...parts) => {
    throw new Error(`Stray console.${level}: ${parts.map(String).join(' ')}`);
  };
}
