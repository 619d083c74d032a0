/*
 * Messages of the controller to an agent, over a network that loses, repeats, delays and reorders.
 *
 * The network is a set: the last WINDOW messages of the present session and of the one before stay
 * in it, and any of them may arrive at any time, any number of times, in any order, or never. Only the
 * receiver's rules (session, number) make a sequence of them. Acknowledgements are a set as well: one
 * that was sent may be seen from then on, or never.
 */

#ifndef WINDOW
#define WINDOW 3
#endif
#define NUMBERS (2 * WINDOW)   /* they are kept modulo this, which tells any two in the window from each other */
#define SLOTS (2 * WINDOW)

#define SET 1              /* set_entry */
#define RESPONSE 2         /* the chunk or entry that the agent lacks, and the fault_response after it */
#define FORGET 3           /* every entry Inv, blocking: the first message of a session */

/* A session: one incarnation of the agent within one epoch of the controller. */
#define NO_SESSION 7

#define MESSAGE(kind, d, e, blocking, number, session) \
  ((kind) | ((d) << 2) | ((e) << 3) | ((blocking) << 7) | ((number) << 8) | ((session) << 11))
#define KIND(m) ((m) & 3)
#define DISK(m) (((m) >> 2) & 1)
#define CONTENTS(m) (((m) >> 3) & 15)
#define BLOCKING(m) (((m) >> 7) & 1)
#define NUMBER(m) (((m) >> 8) & 7)
#define SESSION(m) (((m) >> 11) & 7)

short network[AGENTS * SLOTS];
byte acks[AGENTS];         /* a bit per slot: an acknowledgement of what is there */

/* The agent's end. */
byte session[AGENTS];      /* NO_SESSION: a fresh process that has not been welcomed */
byte applied[AGENTS];
byte draining[AGENTS];     /* a bit per slot: applied, blocking, and I/O of before has not ended */

/* The controller's end, volatile but for the number of the session (epoch and incarnation are durable). */
byte spoken[AGENTS];       /* the session */
byte sent[AGENTS];         /* the last number in it */
bit known[AGENTS];         /* a session of this epoch, not fenced */
bit mine[AGENTS];          /* it belongs to the process that lives */
bit answered[AGENTS];      /* the fault that waits has its response under way */

bit up;                    /* it answers */
/* For whom an operation waits: NOBODY, AWAITED (an agent by record, not heard of in this epoch), or a number. */
#define NOBODY 15
#define AWAITED 14
byte waits[AGENTS];

#define SLOT(s, number) (((s) & 1) * WINDOW + (number) % WINDOW)
#define BIT(slot) (1 << (slot))

/* In a d_step. */
inline send(a, kind, d, e, blocking) {
  sent[a] = (sent[a] + 1) % NUMBERS;
#ifndef MUTANT_NO_EPOCH_CHECK
  /* Nothing that is not yet acknowledged falls out of the window. */
  assert(network[a * SLOTS + SLOT(spoken[a], sent[a])] == 0 || (acks[a] & BIT(SLOT(spoken[a], sent[a]))));
#endif
  network[a * SLOTS + SLOT(spoken[a], sent[a])] = MESSAGE(kind, d, e, blocking, sent[a], spoken[a]);
  acks[a] = acks[a] & ~BIT(SLOT(spoken[a], sent[a]));
  draining[a] = draining[a] & ~BIT(SLOT(spoken[a], sent[a]))
}

/* A hello: a new session, whose first message makes everything Inv. */
inline beginSession(a) {
  spoken[a] = spoken[a] + 1;
  sent[a] = 0;
  network[a * SLOTS + SLOT(spoken[a], 0)] = 0;
  network[a * SLOTS + SLOT(spoken[a], 1)] = 0;
#if WINDOW > 2
  network[a * SLOTS + SLOT(spoken[a], 2)] = 0;
#endif
#if WINDOW > 3
  network[a * SLOTS + SLOT(spoken[a], 3)] = 0;
#endif
  acks[a] = acks[a] & ~((BIT(WINDOW) - 1) << SLOT(spoken[a], 0));
  draining[a] = draining[a] & ~((BIT(WINDOW) - 1) << SLOT(spoken[a], 0));
  known[a] = 1;
  mine[a] = 1;
  holds[a] = 1;
  answered[a] = 0;
  send(a, FORGET, 0, ABSENT, 1)
}

/* Whether the agent takes a message: of its session, the next in order (rule 6). */
#ifdef MUTANT_NO_EPOCH_CHECK
#define IS_OURS(a, m) (1)
#else
#define IS_OURS(a, m) (SESSION(m) == session[a])
#endif
#ifdef MUTANT_NO_ORDER
#define IS_NEXT(a, m) (1)
#else
#define IS_NEXT(a, m) (NUMBER(m) == ((applied[a] + 1) % NUMBERS))
#endif

/* Whether the controller has an acknowledgement of its message with this number. */
#ifdef MUTANT_NO_EPOCH_CHECK
#define IS_ACKNOWLEDGED(a, number) (acks[a] & (BIT((number) % WINDOW) | BIT(WINDOW + (number) % WINDOW)))
#else
#define IS_ACKNOWLEDGED(a, number) (acks[a] & BIT(SLOT(spoken[a], number)))
#endif
