/* An agent (110) with the host that uses it. */

/* Where a blocking message is answered: at once, unless an I/O of before is in flight (the flag 280). */
inline acknowledge(a, slot, drains) {
  if
#ifdef MUTANT_NO_DRAIN
  :: acks[a] = acks[a] | BIT(slot)
#else
  :: drains && phase[a] == FLIGHT -> draining[a] = draining[a] | BIT(slot)
  :: else -> acks[a] = acks[a] | BIT(slot)
#endif
  fi
}

inline apply(a, slot, m) {
  if
  :: KIND(m) == SET ->
     ENTRY_OF(a, DISK(m)) = CONTENTS(m);
     acknowledge(a, slot, BLOCKING(m) && target[a] == DISK(m))
  :: KIND(m) == FORGET ->
     ENTRY_OF(a, 0) = ABSENT;
     ENTRY_OF(a, 1) = ABSENT;
     acknowledge(a, slot, true)
  :: KIND(m) == RESPONSE ->
     answered[a] = 0;
     if
     :: STATE(ENTRY_OF(a, DISK(m))) == INV || ENTRY_OF(a, DISK(m)) == ENTRY(NW, LOCATION(CONTENTS(m))) ->
        ENTRY_OF(a, DISK(m)) = CONTENTS(m)                   /* what it lacks, or has with an Nw that nothing stands behind */
     :: else
     fi;
     if
     :: phase[a] == HELD && target[a] == DISK(m) && STATE(CONTENTS(m)) == INV -> forgetIo(a)    /* fails */
     :: phase[a] == HELD && target[a] == DISK(m) && STATE(CONTENTS(m)) != INV -> phase[a] = LOOK
     :: else
     fi;
     acks[a] = acks[a] | BIT(slot)
  fi
}

inline forgetIo(a) {
  phase[a] = IDLE;
  writing[a] = 0;
  target[a] = 0;
  place[a] = 0;
  least[a] = 0
}

/* The system call ends; the host hears of it at once, which is the strongest case for rules 5 and 8. */
inline land(a) {
  if
  :: writing[a] ->
     /* Rules 1, 2 and 4: the location is this disk's alone, by what is durable, and not frozen. */
     assert(table[target[a]] == ENTRY(RW, place[a]));
     assert(LOCATION(table[1 - target[a]]) != place[a]);
     assert(!frozen[place[a]]);
     landed[target[a]] = landed[target[a]] + 1;
     content[place[a]] = VALUE(target[a], landed[target[a]]);
     acknowledged[target[a]] = landed[target[a]]
  :: else ->
     judge(target[a], content[place[a]], least[a])
  fi;
  forgetIo(a);
  acks[a] = acks[a] | draining[a];
  draining[a] = 0
}

/* The process ends: its I/O is over, landed or not; its memory is gone. */
inline die(a) {
  forgetIo(a);
  ENTRY_OF(a, 0) = ABSENT;
  ENTRY_OF(a, 1) = ABSENT;
  session[a] = NO_SESSION;
  applied[a] = 0;
  draining[a] = 0;
  answered[a] = 0;
  mine[a] = 0
}

/* The lease is looked at right before each system call. */
#if defined(LEASE) && !defined(MUTANT_NO_LEASE_CHECK)
#define MAY_GO(a) (lease > 0)
#else
#define MAY_GO(a) (1)
#endif

/* What an entry lets an I/O do (docs/protocol.md, Entry states). */
#define FAULTS(e, isWrite) (STATE(e) == INV || (isWrite && STATE(e) != RW))

/* An I/O at its entry: it is issued, answered with zeros, or faults. */
inline look(a) {
  if
  :: !MAY_GO(a) -> phase[a] = LOOK                      /* without a lease it is held here */
  :: MAY_GO(a) && FAULTS(ENTRY_OF(a, target[a]), writing[a]) -> phase[a] = HELD
  :: MAY_GO(a) && !FAULTS(ENTRY_OF(a, target[a]), writing[a]) && STATE(ENTRY_OF(a, target[a])) == ZERO ->
     judge(target[a], 0, least[a]);
     forgetIo(a)
  :: MAY_GO(a) && !FAULTS(ENTRY_OF(a, target[a]), writing[a]) && STATE(ENTRY_OF(a, target[a])) != ZERO ->
     phase[a] = FLIGHT;
     place[a] = LOCATION(ENTRY_OF(a, target[a]))
#ifdef LEASE
     ; inCall = 0
#endif
  fi
}

/* Until one writes, two agents are alike: of a single write it does not matter whose it is. */
#if MAX_WRITES > 1
#define MAY_WRITE(a) 1
#else
#define MAY_WRITE(a) ((a) == 0)
#endif

#define IN(a, slot) network[(a) * SLOTS + (slot)]
#define ARRIVES(slot) :: d_step { IN(a, slot) != 0 && session[a] != NO_SESSION && IS_OURS(a, IN(a, slot)) && IS_NEXT(a, IN(a, slot)) -> \
    applied[a] = NUMBER(IN(a, slot)); apply(a, slot, IN(a, slot)) }

#ifdef LEASE
#define IS_REFUSED(a) refused
#else
#define IS_REFUSED(a) 0
#endif

proctype Agent(bit a) {
end:
  do
  /* A host begins an I/O, which looks at its entry. */
  :: atomic { phase[a] == IDLE ->
       if
       :: d_step { MAY_WRITE(a) && writes < MAX_WRITES -> writes++; writing[a] = 1 }
       :: skip
       fi;
       if
       :: target[a] = 0
       :: table[1] != ABSENT -> target[a] = 1
       fi;
       d_step {
         least[a] = (writing[a] -> 0 : acknowledged[target[a]]);
         look(a)
       }
     }
  /* It looks again, after its fault was answered. */
  :: d_step { phase[a] == LOOK && MAY_GO(a) -> look(a) }
  :: d_step { phase[a] == FLIGHT -> land(a) }
#ifdef GIVES_UP
  /* Its host gives it up while it is held. */
  :: d_step { phase[a] == HELD -> forgetIo(a) }
#endif
  /* Any message that is in the network arrives; one that is not taken changes nothing. */
  ARRIVES(0) ARRIVES(1) ARRIVES(2) ARRIVES(3)
#if SLOTS > 4
  ARRIVES(4) ARRIVES(5)
#endif
#if SLOTS > 6
  ARRIVES(6) ARRIVES(7)
#endif
  /* Hello, once the controller is there; and the welcome, later. */
  :: d_step { up && (!known[a] || !mine[a]) && !IS_REFUSED(a) ->
       if
       :: !mine[a] && waits[a] < AWAITED -> waits[a] = NOBODY   /* its predecessor is dead: fenced */
       :: else
       fi;
       beginSession(a)
     }
  :: d_step { mine[a] && known[a] && session[a] != spoken[a] -> session[a] = spoken[a]; applied[a] = 0 }
#ifndef LEASE
  :: d_step { deaths < MAX_DEATHS && session[a] != NO_SESSION -> deaths++; die(a) }
#endif
  od
}
