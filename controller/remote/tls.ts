/**
 * The lab's own certificate authority and the controller's certificate of it, made at first use by
 * the program openssl and kept in the state directory (`tls/`, readable by the owner only). Agents
 * on other machines trust this authority and no other.
 */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { moveDurably, sync } from "../server/state-file.ts";
import { Refusal } from "../user-error.ts";

export interface Credentials {
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

const AUTHORITY_DAYS = 3650;
/** What clients accept of a server's certificate at most is 825 days. */
const SERVER_DAYS = 800;
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

/** `names`: addresses and host names under which agents reach the controller. @throws Refusal where openssl is not there, or fails */
export function credentials(state: string, lab: string, names: readonly string[]): Credentials {
  const directory = join(state, "tls");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  if (!existsSync(file("ca.crt"))) makeAuthority(file, lab);
  if (!isGood(file("server.crt"), names)) makeServer(file, lab, names);
  const read = (name: string): string => readFileSync(file(name), "utf8");
  return { key: read("server.key"), cert: read("server.crt"), ca: read("ca.crt") };
}

type File = (name: string) => string;

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

/** The certificate last, under its name: what is half made does not count. */
function makeAuthority(file: File, lab: string): void {
  openssl("req", "-x509", ...NEW_KEY, "-keyout", file("ca.key"), "-out", file("ca.crt.new"), [
    ...["-days", String(AUTHORITY_DAYS), "-subj", `/CN=sanlab ${lab} authority`],
    ...["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign"],
  ]);
  sync(file("ca.key"));
  moveDurably(file("ca.crt.new"), file("ca.crt"));
  rmSync(file("server.crt"), { force: true });
}

function makeServer(file: File, lab: string, names: readonly string[]): void {
  // Its key is written first: a certificate of another key must not be found beside it.
  rmSync(file("server.crt"), { force: true });
  const alternatives = names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`).join(",");
  openssl("req", "-x509", ...NEW_KEY, "-keyout", file("server.key"), "-out", file("server.crt.new"), [
    ...["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-days", String(SERVER_DAYS)],
    ...["-subj", `/CN=sanlab ${lab} controller`, "-addext", `subjectAltName=${alternatives}`],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"],
  ]);
  sync(file("server.key"));
  moveDurably(file("server.crt.new"), file("server.crt"));
}

function isGood(path: string, names: readonly string[]): boolean {
  if (!existsSync(path)) return false;
  const certificate = new X509Certificate(readFileSync(path));
  const isFor = (name: string) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name));
  return names.every(isFor) && Date.parse(certificate.validTo) - Date.now() > RENEW_BEFORE_MS;
}

function openssl(...parts: readonly (string | readonly string[])[]): void {
  try {
    execFileSync("openssl", parts.flat(), { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    if (code === "ENOENT") {
      throw new Refusal(
        "openssl",
        "The program openssl is not there, which makes the lab's certificates; install it (Debian: openssl) and try again.",
      );
    }
    throw new Refusal(
      "openssl",
      `The program openssl could not make the lab's certificates (${lastLine(stderr) ?? (error as Error).message}); mend that and try again.`,
    );
  }
}

/** Where programs say what went wrong. */
function lastLine(output: Buffer | undefined): string | undefined {
  return output?.toString().trim().split("\n").at(-1) || undefined;
}
