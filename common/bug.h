/*
 * bug: bugs that the tests must catch.  `if (BUG(3))` is the third of them; in every build but
 * those of scripts/bugs it is 0 and vanishes.  scripts/bugs makes each bug in turn, runs the
 * scenario that stands beside it and says caught or missed.
 *
 *   n  caught by              what
 *
 *   1  sim                    a message is told before it is on disk
 *   2  unit:core_bounds       when too much waits for the disk, the oldest is given up
 *   3  sim                    a page begins one number late
 *   4  sim                    message ids are lost with a restart
 *   5  sim                    the end of an older connection takes a newer one
 *   6  sim                    pauses of presence are measured by the wall clock
 *   7  sim                    a private message goes to all, over PUB
 *   8  sim                    numbers of a commit that failed are not given out again
 *   9  sim                    the sender is the user of another session
 *  10  sim                    a second send is answered before the first is on disk
 *  11  sim                    a session is live one message early
 *  12  unit:core_positions    a device has what one of its connections has, not all
 *  13  sim                    trimming looks at the furthest device, not at the last
 *  14  sim                    a ticket opens a second session
 *  15  unit:store_sqlite      MACs are not looked at
 *  16  unit:store_faults      a batch counts as stored though its COMMIT failed
 *  17  sim                    the edge writes frames that it has written before
 *  18  sim                    the edge drops a frame and does not ask for it again
 *  19  unit:store_sqlite      an older file that is put back is not noticed
 *  20  unit:link              a hole in the batches of a link is not noticed
 *  21  sim                    sessions go on after their end
 *  22  sim                    a position of another epoch is taken
 *  23  sim                    an edge may name sessions of another
 *  24  sim                    damaged rows are delivered
 *  25  sim                    after a full disk the generation stays the same
 *  26  sim                    what was acknowledged counts against the inbox for ever
 *  27  node:resume            sends in flight get no answer when the router goes
 *  28  node:resume            a client may acknowledge what was not written to it
 *  29  sim                    a renewal's ticket is not held against revocations
 *  30  sim                    a revoked ticket opens a session
 *  31  sim                    the session that was rebound goes on
 *  32  sim                    who was rebound sends as the user of before
 *  33  sim                    a session that ended for good leaves no mark
 *  34  sim                    after a restart such a session is opened again
 *  35  sim                    a revocation leaves no mark
 *  36  sim                    the session of an HTTP request gets messages
 *  37  sim                    a user may have one session too many
 *  38  unit:onetime           a one-time ticket is good twice
 *  39  unit:told              a revocation is confirmed before its mark is on disk
 *  40  unit:ticketring        a new ticket key mints before the router has it
 *  41  unit:outq              a rebind keeps what the old identity had not got
 *  42  unit:ticket_ring       a retired key's tickets are still taken
 *  43  unit:conn              a pong from before acknowledges for the new identity
 *  44  sim                    an older ticket that comes late changes a session's end
 *  45  sim                    a restart forgets revocations
 *  46  unit:questions         auth grants a revoked token
 *  47  model                  frames are carried out while auth is asked about a token
 *  48  model                  an answer that comes late answers the next question
 *  49  model                  the session before still names the connection
 *  50  model                  a position from before acknowledges for the new identity
 */
#ifndef POSTERN_COMMON_BUG_H
#define POSTERN_COMMON_BUG_H

/* Written by scripts/bugs into its own build directory, so that only what has bugs is built anew.
 */
#if __has_include(<bug_number.h>)
#include <bug_number.h>
#endif
#ifndef POSTERN_BUG
#define POSTERN_BUG 0
#endif

#define BUG(n) (POSTERN_BUG == (n))

#endif
