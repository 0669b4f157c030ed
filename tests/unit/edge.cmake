include(${CMAKE_CURRENT_LIST_DIR}/edge_door.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/edge_live.cmake)
