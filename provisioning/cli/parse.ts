import { resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { DURATION_FORMAT, duration } from "node-iscsi-target/injection/values.ts";
import { parseAdvertise, parseEndpoint } from "../lab/endpoint.ts";
import { parseSize, SIZE_FORMAT } from "../lab/size.ts";

/** Readers of option values; what they refuse is a usage error (exit code 2). */

export function size(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new InvalidArgumentError(`Expected ${SIZE_FORMAT}.`);
  return bytes;
}

/** Milliseconds. */
export function time(text: string): number {
  const ms = duration(text);
  if (ms === undefined) throw new InvalidArgumentError(`Expected ${DURATION_FORMAT}.`);
  return ms;
}

export function name(text: string): string {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(text)) {
    throw new InvalidArgumentError("Expected a name of lower-case letters, digits and '-' that begins with a letter.");
  }
  return text;
}

export function names(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, ...text.split(",").map(name)];
}

/** Of an option that may be given again and again. */
export function repeated(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

/** Host names or addresses, of an option that may be given again and again. */
export function hostNames(text: string, earlier: readonly string[] = []): string[] {
  if (!/^[0-9A-Za-z.:-]{1,253}$/.test(text)) throw new InvalidArgumentError("Expected a host name or an address.");
  return [...earlier, text];
}

export function portal(text: string): { host: string; port: number } {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined)
    throw new InvalidArgumentError("Expected HOST:PORT with a numeric address, such as 127.0.0.1:3260.");
  return endpoint;
}

export function advertise(text: string): { host: string; port?: number } {
  const setting = parseAdvertise(text);
  if (setting === undefined) throw new InvalidArgumentError("Expected HOST or HOST:PORT.");
  return setting;
}

/** USER:FILE; the file's path made absolute. */
export function chap(text: string): { user: string; secretFile: string } {
  const [, user, file] = /^([A-Za-z0-9._@-]{1,255}):(.+)$/.exec(text) ?? [];
  if (user === undefined || file === undefined)
    throw new InvalidArgumentError("Expected USER:FILE, the secret being the first line of FILE.");
  return { user, secretFile: resolve(file) };
}

/** PATH or PATH:SIZE; a colon that no size follows belongs to the path. */
export function device(text: string, earlier: readonly { path: string; sizeBytes?: number }[] = []) {
  const at = text.lastIndexOf(":");
  const sizeBytes = at > 0 ? parseSize(text.slice(at + 1)) : undefined;
  if (sizeBytes === undefined && at > 0 && /^[0-9]+ ?[A-Za-z]*$/.test(text.slice(at + 1))) {
    throw new InvalidArgumentError(`Expected PATH or PATH:SIZE, with ${SIZE_FORMAT}.`);
  }
  return [...earlier, sizeBytes === undefined ? { path: text } : { path: text.slice(0, at), sizeBytes }];
}

export function integer(text: string): number {
  if (!/^[0-9]{1,9}$/.test(text)) throw new InvalidArgumentError("Expected a whole number.");
  return Number(text);
}

/** An access state of ports (SPC-4 5.15.2.4) by its name here. */
export function accessState(text: string): string {
  if (!ACCESS_STATES.includes(text)) throw new InvalidArgumentError(`Expected one of ${ACCESS_STATES.join(", ")}.`);
  return text;
}
const ACCESS_STATES: readonly string[] = ["optimized", "non-optimized", "standby", "unavailable"];

/** A logical unit number, as one level of addressing has it (SAM-5 4.7.7). */
export function lun(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > MAX_LUN) {
    throw new InvalidArgumentError(`Expected a logical unit number from 0 to ${MAX_LUN}.`);
  }
  return Number(text);
}
const MAX_LUN = 16383;

/** "KEY/ASC/ASCQ", each in hexadecimal. */
export function sense(text: string): { senseKey: number; asc: number; ascq: number } {
  const [, senseKey, asc, ascq] = /^([1-9a-f])\/([0-9a-f]{1,2})\/([0-9a-f]{1,2})$/i.exec(text) ?? [];
  if (senseKey === undefined || asc === undefined || ascq === undefined) {
    throw new InvalidArgumentError("Expected sense as KEY/ASC/ASCQ in hexadecimal, such as 3/11/00.");
  }
  return { senseKey: Number.parseInt(senseKey, 16), asc: Number.parseInt(asc, 16), ascq: Number.parseInt(ascq, 16) };
}

/** "A-B" or "A": segments, both ends included. */
export function range(text: string): { first: number; last: number } {
  const [, first, last] = /^([0-9]{1,9})(?:-([0-9]{1,9}))?$/.exec(text) ?? [];
  if (first === undefined || Number(last ?? first) < Number(first)) {
    throw new InvalidArgumentError("Expected segments as A-B, such as 0-63.");
  }
  return { first: Number(first), last: Number(last ?? first) };
}
