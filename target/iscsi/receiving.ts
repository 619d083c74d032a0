/** A socket that receives into memory of ours. */
import { Socket } from "node:net";
import { ReceiveWindow } from "./receive-slab.ts";

/**
 * Takes over an accepted socket that was paused at once. Node lets those who connect say where to receive
 * (`onread`), but not those who accept: the socket is made anew around the same handle, as Node's own
 * modules do it.
 */
export function receiving(accepted: Socket, receive: (chunk: Buffer) => void): Socket {
  const holder = accepted as unknown as { _handle: object | null };
  const handle = holder._handle;
  if (handle === null || handle === undefined) return accepted;
  const window = new ReceiveWindow();
  const onread = {
    buffer: () => window.next(),
    callback: (bytes: number) => {
      receive(window.received(bytes));
      return true;
    },
  };
  holder._handle = null;
  // Its server counts it no longer.
  accepted.destroy();
  const socket = new Socket({ handle, onread, manualStart: true } as object);
  socket.on("close", () => window.close());
  return socket;
}
