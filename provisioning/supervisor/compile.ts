/** Run for what loading it leaves in the cache of compiled code: all that daemons consist of (`compiled.ts`). */
await Promise.all([
  import("../cli/main.ts"),
  import("../agent/command.ts"),
  import("../controller/command.ts"),
  import("./server.ts"),
]);
