/** A FUSE mount without libfuse, by root (mount(2); Documentation/filesystems/fuse.rst of Linux). */
import { constants, openSync } from "node:fs";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const mountCall = libc.func(
  "int mount(const char *source, const char *target, const char *type, ulong flags, str data)",
);
const umountCall = libc.func("int umount2(const char *target, int flags)");

const MS_NOSUID_NODEV = 2 | 4;
const MNT_DETACH = 2;
const DIRECTORY_MODE = "40000";

/** Whose the files are: who asked root to do this, where it was asked. */
export const USER = Number(process.env.SUDO_UID ?? process.getuid?.());
export const GROUP = Number(process.env.SUDO_GID ?? process.getgid?.());

/** @returns the descriptor at which the kernel's requests are read, and answers written */
export function mount(directory: string): number {
  const channel = openSync("/dev/fuse", constants.O_RDWR);
  const data = `fd=${channel},rootmode=${DIRECTORY_MODE},user_id=${USER},group_id=${GROUP},allow_other`;
  check(mountCall("sanlab-volatile", directory, "fuse.sanlab-volatile", MS_NOSUID_NODEV, data), "mount");
  return channel;
}

/** Also where somebody uses it still. */
export function unmount(directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // In a thread: the kernel has requests before it is done.
    umountCall.async(directory, MNT_DETACH, (error: unknown, result: number) => {
      if (error === null && result === 0) resolve();
      else reject(new Error(`${directory} cannot be unmounted`));
    });
  });
}

function check(result: number, call: string): void {
  if (result !== 0) throw new Error(`${call} failed with errno ${koffi.errno()}`);
}
