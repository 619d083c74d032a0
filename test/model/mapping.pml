/*
 * The mapping protocol of sanlab: drains, set_entry, first write, snapshots, leases; two agents, two
 * disks of one segment, a network that loses and reorders, crashes and pauses. docs/model.md says
 * what each name is in the code, what is left out, and how to run it.
 */
#include "state.pml"
#include "network.pml"
#ifdef LEASE
#include "lease.pml"
#endif
#include "agent.pml"
#include "controller.pml"
#ifdef LEASE
#include "time.pml"
#endif

init {
  atomic {
    waits[0] = NOBODY; waits[1] = NOBODY;
    holds[0] = 1; known[0] = 1; mine[0] = 1;
#ifndef LEASE
    holds[1] = 1; known[1] = 1; mine[1] = 1;
    run Agent(1);
#endif
    up = 1;
    entry[0] = ABSENT; entry[1] = ABSENT; entry[2] = ABSENT; entry[3] = ABSENT;
    table[1] = ABSENT;
#if MAX_SNAPSHOTS > 0
    table[0] = ENTRY(RW, 0);
    used[0] = 1;
    content[0] = VALUE(0, 1);
    landed[0] = 1;
    acknowledged[0] = 1;
#elif defined(BEGIN_MAPPED)
    table[0] = ENTRY(RW, 0);
    used[0] = 1;
#else
    table[0] = ENTRY(ZERO, NOWHERE);
#if MAX_WRITES > 1 && !defined(ONE_DISK)
    table[1] = ENTRY(ZERO, NOWHERE);
#endif
#endif
#ifdef LEASE
    lease = LEASE_TICKS;
    cannotGo = LEASE_TICKS + MARGIN;
    run Time();
#endif
    run Agent(0);
    run Controller()
  }
}
