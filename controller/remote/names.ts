import type { ControllerCore } from "../core.ts";

/** The Host header of a request that came through the door names the controller as agents know it. */
export function isDoorsHost({ records }: ControllerCore, host: string | undefined): boolean {
  const [, bracket, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(host ?? "") ?? [];
  const name = bracket ?? plain;
  return name !== undefined && records.remote.get("lab")?.names.includes(name) === true;
}
