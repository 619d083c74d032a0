/*
 * Leases (docs/protocol.md, Lost agents): an agent that is not killed but waited for.
 *
 * Time passes in ticks. The agent counts its lease from the moment it sent the request that was
 * answered; the controller counts from its answer and adds the margin. The margin covers one tick by
 * which the agent's clock may fall behind in a lease, and one for a system call that began with it.
 * A pause is an agent that does nothing while ticks pass.
 */
/* Agent 0 alone: what the others write and free meanwhile is the controller's unmap. */
#define LEASE_TICKS 2
#ifdef MUTANT_SHORT_MARGIN
#define MARGIN 1
#else
#define MARGIN 2
#endif

byte lease;        /* what is left, by the agent's clock; 0: none */
bit behind;        /* the agent's clock has missed a tick since the request for this lease */
byte request;      /* a request for renewal is under way: 1 + the ticks since; 0: none */
bit behindSince;   /* the clock has missed a tick since it was sent */
bit granted;       /* its answer is under way */
byte cannotGo;     /* ticks after which the controller knows that the agent issues nothing */
bit refused;       /* the process was fenced, and does not know it */
byte inCall;       /* ticks that the system call in flight has lasted */

#ifdef MUTANT_PAUSE_IN_CALL
#define CALL_MAY_LAST (1)
#else
#define CALL_MAY_LAST (phase[0] != FLIGHT || inCall < 1)
#endif

/* One tick at an agent; `late`: its clock misses this one. */
inline age(late) {
  if
  :: late -> behind = 1; behindSince = 1
  :: !late && lease > 0 -> lease = lease - 1
  :: else
  fi;
  if
  :: request > 0 && request <= LEASE_TICKS && !late -> request = request + 1
  :: else
  fi;
  if
  :: phase[0] == FLIGHT && inCall < 1 -> inCall = inCall + 1
  :: phase[0] != FLIGHT -> inCall = 0
  :: else
  fi;
  if
  :: cannotGo > 0 -> cannotGo = cannotGo - 1
  :: else
  fi
}

#ifdef MUTANT_LEASE_FROM_ANSWER
#define LEASE_OF LEASE_TICKS
#else
#define LEASE_OF (LEASE_TICKS + 1 - request)
#endif

inline endLease() {
  lease = 0;
  behind = 0;
  behindSince = 0;
  request = 0;
  granted = 0
}

/* The nonce: an answer to an earlier request is none to this one. */
#ifdef MUTANT_NO_NONCE
#define KEEP_ANSWER skip
#else
#define KEEP_ANSWER granted = 0
#endif
