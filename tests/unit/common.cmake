add_unit_test(address LIBS postern_common)
add_unit_test(audit LIBS postern_common)
add_unit_test(buf LIBS postern_common)
add_unit_test(config LIBS postern_common)
add_unit_test(json LIBS postern_common)
add_unit_test(log LIBS postern_common)
add_unit_test(map LIBS postern_common)
add_unit_test(memory LIBS postern_common)
add_unit_test(options LIBS postern_common)
add_unit_test(plain LIBS postern_common)
add_unit_test(setting LIBS postern_common)

add_test(NAME style.layers
  COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} -P ${CMAKE_CURRENT_LIST_DIR}/layers.cmake)

# Real sockets and NNG's threads.
add_unit_test(bus SOURCES ${CMAKE_CURRENT_LIST_DIR}/bus_rig.c LIBS postern_bus)
add_unit_test(bus_peers SOURCES ${CMAKE_CURRENT_LIST_DIR}/bus_rig.c LIBS postern_bus)
