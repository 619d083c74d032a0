/** What a guest may have beside the programs of every guest; each makes an image of its own, when it is first asked for. */

/** What the image takes from each package, as globs below a merged-/usr root. */
export type Contents = Readonly<Record<string, readonly string[]>>;

export const ADDITIONS = {
  /** `fence_scsi`, as clusters run it: Debian's own, with the Python that it is written in. */
  "fence-agents": {
    "fence-agents": ["usr/sbin/fence_scsi", "usr/share/fence/fencing.py"],
    "python3-minimal": ["usr/bin/python3"],
    "libpython3-stdlib": ["usr/lib/python3.*/**/*.py", "usr/lib/python3.*/lib-dynload/*.so"],
    "python3-pexpect": ["usr/lib/python3/dist-packages/pexpect/*.py"],
    "python3-ptyprocess": ["usr/lib/python3/dist-packages/ptyprocess/*.py"],
    "python3-pycurl": ["usr/lib/python3/dist-packages/pycurl*.so"],
  },
  /** `fio`, whose engines bring libraries of 84 MB. */
  fio: { fio: ["usr/bin/fio"] },
} as const satisfies Readonly<Record<string, Contents>>;

export type Addition = keyof typeof ADDITIONS;
export const ADDITION_NAMES = Object.keys(ADDITIONS) as readonly Addition[];
