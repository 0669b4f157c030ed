# The pure modules of the edge's door.
foreach(test api auth_wire credentials http origin position proxy_v2 request request_api upgrade)
  add_unit_test(${test} LIBS edge_rules)
endforeach()
add_unit_test(edge_config SOURCES ${PROJECT_SOURCE_DIR}/edge/config.c LIBS edge_rules)
