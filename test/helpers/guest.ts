import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Addition,
  ensureDiskImage,
  ensureGuestImage,
  type GuestConfig,
  type GuestImage,
  guestOverlay,
  type HostSpec,
  killHost,
  macAddress,
  type ProcessIdentity,
  startHost,
  userNetwork,
  waitForGuest,
} from "@sanlab/vm";

/** For a guest to come up while other tests use the machine as well; on an idle one it takes 4 s. */
export const GUEST_TIMEOUT_MS = 60_000;

/** This machine, as guests on user networking see its 127.0.0.1. */
export const GATEWAY = userNetwork(0).hostAddress;

/** Where the guest image is kept between test runs, and shared with `sanlab` itself. */
export function guestCacheDir(): string {
  return process.env.SANLAB_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "sanlab");
}

export function guestImage(additions: readonly Addition[] = []): Promise<GuestImage> {
  return ensureGuestImage({ cacheDir: guestCacheDir(), additions });
}

/** The guest's system as the image of a disk, so that no command has to make it within its time. */
export function guestDiskImage(): Promise<string> {
  return ensureDiskImage({ cacheDir: guestCacheDir() });
}

/** To be called for every guest that a test boots, in whatever way: the test runner prints the sum. */
export async function countGuestBoot(): Promise<void> {
  const file = process.env.SANLAB_GUEST_COUNT_FILE;
  if (file !== undefined) await appendFile(file, "boot\n");
}

/** Whoever ends what was started: a test's `t`, or a hook that collects for a whole file. */
export interface Owner {
  teardown(end: () => Promise<void>): void;
}

export interface TestGuest {
  readonly runDir: string;
  readonly identity: ProcessIdentity;
}

export interface TestGuestOptions {
  readonly spec?: Partial<HostSpec>;
  readonly config?: Partial<GuestConfig>;
  /** Further words for the kernel. */
  readonly append?: readonly string[];
  /** What its image has beside the programs of every guest. */
  readonly additions?: readonly Addition[];
}

/** A fresh run directory, with a long path, in which no socket could be named in full; removed afterwards. */
export async function temporaryRunDir(owner: Owner): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "sanlab-guest-"));
  owner.teardown(() => rm(parent, { recursive: true, force: true }));
  return join(parent, "a-directory-with-a-rather-long-name-".repeat(3));
}

/** Starts a guest with one card on user networking; it is killed when its owner ends. Not waited for. */
export async function startGuest(owner: Owner, options: TestGuestOptions = {}): Promise<TestGuest> {
  const image = await guestImage(options.additions);
  const runDir = await temporaryRunDir(owner);
  owner.teardown(() => killHost(runDir));
  const mac = macAddress(runDir, 0);
  const { guestAddress, hostAddress } = userNetwork(0);
  const nics = [{ mac, address: guestAddress, gateway: hostAddress }];
  const overlay = guestOverlay({ hostname: "guest", nics, portals: [], ...options.config });
  const { kernel, initramfs } = image;
  const boot = { kind: "kernel", kernel, initramfs, append: options.append ?? [] } as const;
  const spec: HostSpec = { name: "guest", memoryMiB: 384, boot, nics: [{ mac }], ...options.spec };
  await countGuestBoot();
  return { runDir, identity: await startHost(spec, runDir, { overlay }) };
}

/** Starts a guest and returns when its agent answers. */
export async function bootGuest(owner: Owner, options: TestGuestOptions = {}): Promise<TestGuest> {
  const guest = await startGuest(owner, options);
  await waitForGuest(guest.runDir, { timeoutMs: GUEST_TIMEOUT_MS });
  return guest;
}
