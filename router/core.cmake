# The pure core: router_model, apart from what does I/O, so that tests and simulations link it alone.
set(core_sources
  commands.c contacts.c core.c core_accept.c core_digest.c core_load.c core_messages.c core_open.c core_queries.c core_revoke.c
  core_sessions.c core_stored.c core_streams.c mids.c pending.c positions.c presence.c sessions.c
  text.c users.c voids.c)
