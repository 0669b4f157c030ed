# The pure core: router_model, apart from what does I/O, so that tests and simulations link it alone.
set(core_sources
  commands.c core.c core_digest.c core_messages.c core_sessions.c presence.c sessions.c text.c users.c)
