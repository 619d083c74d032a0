/** One Ctrl-C may arrive twice: from the terminal, and handed on by the process that started this one. */
const ECHO_MS = 500;

let controller: AbortController | undefined;

/**
 * Aborted by the first Ctrl-C (SIGINT) or SIGTERM, so that what was begun can be taken back; a second one changes
 * nothing, since leaving in the middle of that would leave something behind.
 */
export function interruptSignal(): AbortSignal {
  if (controller !== undefined) return controller.signal;
  const created = new AbortController();
  controller = created;
  let firstMs = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (!created.signal.aborted) firstMs = performance.now();
      else if (performance.now() - firstMs > ECHO_MS)
        process.stderr.write("Still taking back what was done: wait a moment.\n");
      created.abort();
    });
  }
  return created.signal;
}
