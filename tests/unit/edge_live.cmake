# The pure modules of the edge's live half.
set(edge_dir ${PROJECT_SOURCE_DIR}/edge)
add_unit_test(batches SOURCES ${edge_dir}/batches.c LIBS postern_proto)
add_unit_test(conn SOURCES ${edge_dir}/conn.c LIBS postern_proto)
add_unit_test(frame SOURCES ${edge_dir}/frame.c ${edge_dir}/frame_write.c LIBS postern_proto)
add_unit_test(outq SOURCES ${edge_dir}/outq.c LIBS postern_common)
add_unit_test(sends SOURCES ${edge_dir}/sends.c LIBS postern_common)
add_unit_test(system SOURCES ${edge_dir}/system.c ${edge_dir}/outq.c LIBS postern_common)
add_unit_test(wheel SOURCES ${edge_dir}/wheel.c)
