# the pure core
add_unit_test(contacts LIBS router_model)
add_unit_test(core LIBS router_model)
add_unit_test(core_again LIBS router_model)
add_unit_test(core_bounds LIBS router_model)
add_unit_test(core_ends LIBS router_model)
add_unit_test(core_identity LIBS router_model)
add_unit_test(core_inbox LIBS router_model)
add_unit_test(core_limits LIBS router_model)
add_unit_test(core_messages LIBS router_model)
add_unit_test(core_model
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/core_chance.c ${CMAKE_CURRENT_LIST_DIR}/core_disk.c
    ${CMAKE_CURRENT_LIST_DIR}/core_model.c ${CMAKE_CURRENT_LIST_DIR}/core_model_identity.c
    ${CMAKE_CURRENT_LIST_DIR}/core_model_messages.c
    ${CMAKE_CURRENT_LIST_DIR}/core_model_presence.c
    ${CMAKE_CURRENT_LIST_DIR}/core_model_stored.c ${CMAKE_CURRENT_LIST_DIR}/core_model_streams.c
    ${CMAKE_CURRENT_LIST_DIR}/core_model_text.c
  LIBS router_model)
add_unit_test(core_presence LIBS router_model)
add_unit_test(core_resume LIBS router_model)
add_unit_test(core_positions LIBS router_model)
add_unit_test(core_revoke LIBS router_model)
add_unit_test(core_scopes LIBS router_model)
add_unit_test(mids LIBS router_model)
add_unit_test(pending LIBS router_model)
add_unit_test(positions LIBS router_model)
add_unit_test(voids LIBS router_model)

# the process around the core, and routerctl
add_unit_test(batch LIBS router_parts)
add_unit_test(control_audit LIBS router_core)
add_unit_test(control_push LIBS router_core)
add_unit_test(ctl_args LIBS routerctl_core)
add_unit_test(ctl_print LIBS routerctl_core)
add_unit_test(explain LIBS routerctl_core)
target_compile_definitions(test_explain PRIVATE PROTOCOL_MD="${PROJECT_SOURCE_DIR}/docs/PROTOCOL.md")
add_unit_test(items LIBS router_core)
add_unit_test(lease LIBS router_parts)
add_unit_test(link LIBS router_parts)
add_unit_test(metrics LIBS router_parts)
add_unit_test(page_host LIBS router_parts)
add_unit_test(routes LIBS router_core)
add_unit_test(tail LIBS router_parts)
add_unit_test(ticketkey LIBS router_core)
add_unit_test(told LIBS router_parts)
add_unit_test(trust_facts LIBS router_core)
add_unit_test(why LIBS router_parts)

# the inbox
set(store_rig ${CMAKE_CURRENT_LIST_DIR}/store_rig.c)
add_unit_test(store_contract SOURCES ${store_rig} LIBS router_store)
add_unit_test(store_faults SOURCES ${store_rig} ${CMAKE_CURRENT_LIST_DIR}/store_vfs.c LIBS router_store)
add_unit_test(store_life SOURCES ${store_rig} ${CMAKE_CURRENT_LIST_DIR}/store_vfs.c LIBS router_store)
add_unit_test(store_marks SOURCES ${store_rig} ${CMAKE_CURRENT_LIST_DIR}/store_vfs.c LIBS router_store)
add_unit_test(store_record LIBS router_store)
add_unit_test(store_sqlite SOURCES ${store_rig} LIBS router_store)
add_unit_test(store_kept SOURCES ${store_rig} LIBS router_store)
add_unit_test(store_turned SOURCES ${store_rig} LIBS router_store)

# every row of a store as JSON, for whoever checks a history against it
add_executable(store_dump ${PROJECT_SOURCE_DIR}/tests/faults/store_dump.c)
target_link_libraries(store_dump PRIVATE router_store project_flags)
