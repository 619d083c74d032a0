/** The parameter data of PERSISTENT RESERVE IN and OUT (SPC-4 6.15, 6.16). */
import { bits, flag, layout, uint, uint64 } from "../../wire/layout.ts";

/** SPC-4 6.15.2 and 6.15.3.2: what all but REPORT CAPABILITIES begin with. */
export const ReservationsHeader = layout(8, { generation: uint(0, 4), additionalBytes: uint(4, 4) });
/** READ RESERVATION (SPC-4 6.15.3.3). */
export const ReservationData = layout(16, { key: uint64(0), scope: bits(13, 4, 4), type: bits(13, 0, 4) });
/** REPORT CAPABILITIES (SPC-4 6.15.4). */
export const CapabilitiesData = layout(8, {
  lengthBytes: uint(0, 2),
  compatibleHandling: flag(2, 4),
  specifyPorts: flag(2, 3),
  allTargetPorts: flag(2, 2),
  persistCapable: flag(2, 0),
  typeMaskValid: flag(3, 7),
  allowCommands: bits(3, 4, 3),
  persistActive: flag(3, 0),
  typeMask: uint(4, 2),
});
/** READ FULL STATUS (SPC-4 6.15.5); the TransportID follows. */
export const FullStatusDescriptor = layout(24, {
  key: uint64(0),
  allTargetPorts: flag(12, 1),
  holder: flag(12, 0),
  scope: bits(13, 4, 4),
  type: bits(13, 0, 4),
  relativePortId: uint(18, 2),
  additionalBytes: uint(20, 4),
});

/** Basic parameter list of OUT (SPC-4 6.16.3); with SPEC_I_PT, a length of four bytes and TransportIDs follow. */
export const ReserveOutList = layout(24, {
  key: uint64(0),
  newKey: uint64(8),
  specifyPorts: flag(20, 3),
  allTargetPorts: flag(20, 2),
  persistent: flag(20, 0),
});
export const TransportIdsHeader = layout(4, { listBytes: uint(0, 4) });
/** REGISTER AND MOVE (SPC-4 6.16.4); one TransportID follows. */
export const MoveList = layout(24, {
  key: uint64(0),
  newKey: uint64(8),
  unregister: flag(17, 1),
  persistent: flag(17, 0),
  relativePortId: uint(18, 2),
  transportIdBytes: uint(20, 4),
});
