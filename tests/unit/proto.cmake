add_unit_test(codes LIBS postern_proto)
add_unit_test(http_head LIBS postern_proto)
add_unit_test(names LIBS postern_proto)
add_unit_test(ticket LIBS postern_proto)
