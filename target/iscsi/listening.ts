/** Binding a portal's address. */
import type { Server } from "node:net";
import { UserError } from "../storage/user-error.ts";
import type { Portal } from "./target-options.ts";

/** @throws UserError in one sentence where the address is taken or not ours */
export function listenOn(server: Server, portal: Portal): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(cannotListen(portal, error));
    server.once("error", failed);
    server.listen({ host: portal.host, port: portal.port, exclusive: true }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

function cannotListen({ host, port }: Portal, error: NodeJS.ErrnoException): UserError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "is in use by another program; stop it, or choose another port (0 takes any free one)",
    EADDRNOTAVAIL: "is not an address of this machine; choose one that is",
    EACCES: "needs privileges; choose a port above 1023",
  };
  return new UserError(
    error.code ?? "listen",
    `Portal ${host}:${port} ${reasons[error.code ?? ""] ?? `cannot be bound (${error.code})`}.`,
  );
}
