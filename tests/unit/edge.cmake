include(${CMAKE_CURRENT_LIST_DIR}/edge_live.cmake)
