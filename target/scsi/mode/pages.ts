/** The mode pages, one row each, in ascending order (SPC-4 7.5, SBC-4 6.5). */
import {
  CachingPage,
  ControlExtensionPage,
  ControlPage,
  DisconnectReconnectPage,
  ErrorRecoveryPage,
  InformationalExceptionsPage,
  PageHeader,
  type PageLayout,
  SubpageHeader,
} from "./layouts.ts";
import { ModeParameters } from "./parameters.ts";

/** PAGE CONTROL of MODE SENSE (SPC-4 6.12, table 171). */
export const PageControl = { CURRENT: 0, CHANGEABLE: 1, DEFAULT: 2, SAVED: 3 } as const;

type Changeable = "writeCache" | "descriptorSense" | "taskAbortedStatus" | "softwareWriteProtect";

export interface ModePage {
  readonly code: number;
  /** Absent: 00h, and the page has the short header. */
  readonly subpage?: number;
  readonly layout: PageLayout;
  /** What never changes; fields not named are 0. */
  readonly constants: Readonly<Record<string, number>>;
  /** Fields that MODE SELECT may change. Named alike in the layout and in `ModeParameters`. */
  readonly changeable: readonly Changeable[];
}

export const modePages: readonly ModePage[] = [
  // Nothing is recovered by retries of ours, so nothing is reported as recovered (SBC-4 6.5.8).
  { code: 0x01, layout: ErrorRecoveryPage, constants: {}, changeable: [] },
  { code: 0x02, layout: DisconnectReconnectPage, constants: {}, changeable: [] },
  { code: 0x08, layout: CachingPage, constants: {}, changeable: ["writeCache"] },
  {
    code: 0x0a,
    layout: ControlPage,
    // QUEUE ALGORITHM MODIFIER 1h: SIMPLE commands may be reordered, also where they overlap (SPC-4 7.5.8, table 457).
    constants: { queueAlgorithmModifier: 1, busyTimeout: 0xffff },
    changeable: ["descriptorSense", "taskAbortedStatus", "softwareWriteProtect"],
  },
  // IALUAE: access states may change by themselves; the longest sense data is whatever fits (SPC-4 7.5.9).
  { code: 0x0a, subpage: 0x01, layout: ControlExtensionPage, constants: { implicitAccessStates: 1 }, changeable: [] },
  // DEXCPT: no informational exceptions are reported (SBC-4 6.5.9).
  { code: 0x1c, layout: InformationalExceptionsPage, constants: { disableExceptions: 1 }, changeable: [] },
];

const DEFAULTS = new ModeParameters();

/** The page with its header, as MODE SENSE returns it for one PAGE CONTROL other than SAVED. */
export function modePageData(page: ModePage, control: number, parameters: ModeParameters): Buffer {
  const { code, subpage, layout, changeable } = page;
  const source = control === PageControl.DEFAULT ? DEFAULTS : parameters;
  const { sizeBytes: headerBytes } = headerOf(page);
  const form = subpage === undefined ? {} : { subpageFormat: 1, subpageCode: subpage };
  const header = { pageCode: code, ...form, pageBytes: layout.sizeBytes - headerBytes };
  if (control === PageControl.CHANGEABLE) {
    return layout.encode({ ...header, ...Object.fromEntries(changeable.map((name) => [name, 1])) });
  }
  const values = Object.fromEntries(changeable.map((name) => [name, source[name] ? 1 : 0]));
  return layout.encode({ ...header, ...page.constants, ...values });
}

/** Pages with a subpage code have a longer header. */
export function headerOf({ subpage }: ModePage): typeof PageHeader | typeof SubpageHeader {
  return subpage === undefined ? PageHeader : SubpageHeader;
}

/** Sets what `data`, a whole page, says in its changeable fields. */
export function applyModePage(page: ModePage, data: Buffer, parameters: ModeParameters): void {
  const values = page.layout.decode(data);
  for (const name of page.changeable) parameters[name] = values[name] !== 0;
}
