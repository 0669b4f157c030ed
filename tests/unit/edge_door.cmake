# The pure modules of the edge's door.
foreach(test api auth_wire credentials http origin position proxy_v2 request request_api upgrade)
  add_unit_test(${test} LIBS edge_rules)
endforeach()
add_unit_test(edge_config SOURCES ${PROJECT_SOURCE_DIR}/edge/config.c LIBS edge_rules)
add_unit_test(live_call SOURCES ${CMAKE_CURRENT_LIST_DIR}/bus_rig.c ${CMAKE_CURRENT_LIST_DIR}/link_script.c LIBS edge_core)

add_unit_test(secret_bufs LIBS edge_rules)
target_link_options(test_secret_bufs PRIVATE -Wl,--wrap=free -Wl,--wrap=realloc)
