/** The errno of a failed system call as one of the neutral results. */
import type { IoResult } from "../block-device.ts";

type Outcome = (offset: number) => IoResult;

const mediumError: Outcome = (offset) => ({ kind: "medium-error", offset });
const noSpace: Outcome = () => ({ kind: "no-space" });
const writeProtected: Outcome = () => ({ kind: "write-protected" });
const notReady: Outcome = () => ({ kind: "not-ready" });

/** What the kernel's block layer and file systems report of a medium; anything else (EBADF, EFAULT, EINVAL) is a bug of ours. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  EIO: mediumError,
  ENODATA: mediumError,
  EREMOTEIO: mediumError,
  EILSEQ: mediumError,
  EBADMSG: mediumError,
  EUCLEAN: mediumError,
  ETIMEDOUT: mediumError,
  ENOLINK: mediumError,
  ENOSPC: noSpace,
  EDQUOT: noSpace,
  EFBIG: noSpace,
  EROFS: writeProtected,
  EPERM: writeProtected,
  EACCES: writeProtected,
  ETXTBSY: writeProtected,
  ENODEV: notReady,
  ENXIO: notReady,
  ESTALE: notReady,
  ENOMEM: notReady,
};

/** `offset` is where the failed part of the request begins. @throws `error` itself where it is not about the medium. */
export function outcomeOf(error: unknown, offset: number): IoResult {
  const outcome = OUTCOMES[(error as NodeJS.ErrnoException).code ?? ""];
  if (outcome === undefined) throw error;
  return outcome(offset);
}
