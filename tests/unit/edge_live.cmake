# The pure modules of the edge's live half.
set(edge_dir ${PROJECT_SOURCE_DIR}/edge)
add_unit_test(batches SOURCES ${edge_dir}/batches.c LIBS postern_proto)
add_unit_test(conn SOURCES ${edge_dir}/conn.c ${edge_dir}/identity.c ${edge_dir}/stream.c LIBS postern_proto)
add_unit_test(edge_lease SOURCES ${edge_dir}/lease.c)
add_unit_test(frame SOURCES ${edge_dir}/frame.c ${edge_dir}/json_uid.c ${edge_dir}/frame_write.c LIBS postern_proto)
add_unit_test(frame_write SOURCES ${edge_dir}/frame_write.c LIBS postern_proto)
add_unit_test(fingerprint SOURCES ${edge_dir}/fingerprint.c LIBS postern_proto)
add_unit_test(identity SOURCES ${edge_dir}/identity.c)
add_unit_test(outq SOURCES ${edge_dir}/outq.c LIBS postern_common)
add_unit_test(sends SOURCES ${edge_dir}/sends.c LIBS postern_common)
add_unit_test(stream SOURCES ${edge_dir}/stream.c)
add_unit_test(syncs SOURCES ${edge_dir}/syncs.c)
add_unit_test(system SOURCES ${edge_dir}/system.c ${edge_dir}/outq.c LIBS postern_common)
add_unit_test(uplink
  SOURCES ${CMAKE_CURRENT_LIST_DIR}/bus_rig.c ${edge_dir}/uplink.c ${edge_dir}/uplink_link.c
    ${edge_dir}/uplink_system.c ${edge_dir}/batches.c ${edge_dir}/lease.c ${edge_dir}/system.c ${edge_dir}/outq.c
  LIBS postern_bus postern_proto)
add_unit_test(ws_write SOURCES ${edge_dir}/ws_write.c ${edge_dir}/outq.c LIBS postern_common postern_uv)
add_unit_test(wheel SOURCES ${edge_dir}/wheel.c)
