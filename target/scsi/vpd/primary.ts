/** The VPD pages 86h and 87h, each without its header of four bytes. */

import { modePages } from "../mode/pages.ts";
import { ExtendedInquiryPage, ModePagePolicyDescriptor } from "./layouts.ts";

/** MODE PAGE POLICY 00b: one copy for all nexuses (SPC-4 7.8.8, table 626). */
const SHARED = 0;

/** 86h, Extended INQUIRY Data (SPC-4 7.8.7): which task attributes there are, and that the cache is volatile. */
export function extendedInquiry(): Uint8Array {
  return ExtendedInquiryPage.encode({ headOfQueue: 1, ordered: 1, simple: 1, volatileCache: 1 });
}

/** 87h, Mode Page Policy (SPC-4 7.8.8). */
export function modePagePolicy(): Uint8Array {
  return Buffer.concat(
    modePages.map(({ code, subpage = 0 }) =>
      ModePagePolicyDescriptor.encode({ pageCode: code, subpageCode: subpage, policy: SHARED }),
    ),
  );
}
