/** Logout (RFC 7143 11.14, 11.15): of the session, or of one of its connections. */
import { Opcode, RejectReason } from "./opcodes.ts";
import { LogoutRequestPdu, LogoutResponsePdu } from "./pdus.ts";
import type { Pdu } from "./reader.ts";
import type { SessionConnection } from "./session-connection.ts";

/** 11.14.1. */
const Reason = { CLOSE_SESSION: 0, CLOSE_CONNECTION: 1, RECOVER_CONNECTION: 2 } as const;
/** 11.15.1. */
const Response = { CLOSED: 0, CID_NOT_FOUND: 1, RECOVERY_NOT_SUPPORTED: 2 } as const;

type Run = (channel: SessionConnection, cid: number, answer: (response: number) => void) => Promise<void>;

const REASONS = new Map<number, Run>([
  [Reason.CLOSE_SESSION, closeSession],
  [Reason.CLOSE_CONNECTION, closeConnection],
  // Under ErrorRecoveryLevel 0 tasks go with their connection, so that there is nothing to recover.
  [Reason.RECOVER_CONNECTION, async (_channel, _cid, answer) => answer(Response.RECOVERY_NOT_SUPPORTED)],
]);

export async function logout(channel: SessionConnection, pdu: Pdu): Promise<void> {
  const run = REASONS.get(LogoutRequestPdu.reason.get(pdu.header, 0));
  if (run === undefined) return channel.reject(pdu, RejectReason.INVALID_PDU_FIELD);
  await run(channel, LogoutRequestPdu.cid.get(pdu.header, 0), (response) => {
    const header = LogoutResponsePdu.encode({
      opcode: Opcode.LOGOUT_RESPONSE,
      final: 1,
      response,
      initiatorTaskTag: LogoutRequestPdu.initiatorTaskTag.get(pdu.header, 0),
    });
    channel.stamp(header, true);
    channel.send(header);
  });
}

/** The tasks end before the initiator is told that it is out (11.14.5), and so does what it had reserved. */
async function closeSession({ session }: SessionConnection, _cid: number, answer: (response: number) => void) {
  await session.endForLogout();
  answer(Response.CLOSED);
  void session.close();
}

async function closeConnection(channel: SessionConnection, cid: number, answer: (response: number) => void) {
  const { session } = channel;
  if (cid === channel.cid) {
    if (session.members.size === 1) await session.endForLogout();
    else await session.abortTasks(channel);
    answer(Response.CLOSED);
    void channel.close();
    return;
  }
  const other = session.member(cid);
  if (other === undefined) return answer(Response.CID_NOT_FOUND);
  await other.close();
  answer(Response.CLOSED);
}
