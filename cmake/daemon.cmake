# add_core(NAME SOURCES... LIBS...)        a static library with the project's flags
# add_daemon(NAME SOURCES... LIBS...)      an executable: main.c around its core
# add_unit_test(NAME SOURCES... LIBS...)   tests/unit/test_NAME.c as the ctest unit.NAME
# add_fuzzer(NAME SOURCES... LIBS...)      tests/fuzz/fuzz_NAME.c, when POSTERN_FUZZ is on; and, in builds with
#                                          AddressSanitizer, the ctest fuzz.NAME, which replays its seeds

function(add_core name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LIBS} PRIVATE project_flags)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
endfunction()

function(add_daemon name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} project_flags)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

function(add_unit_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(test_${name} ${PROJECT_SOURCE_DIR}/tests/unit/test_${name}.c ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_LIBS} postern_cmocka project_flags)
  add_test(NAME unit.${name} COMMAND test_${name})
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

function(add_fuzzer name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  set(dir ${PROJECT_SOURCE_DIR}/tests/fuzz)
  if(POSTERN_FUZZ)
    add_executable(fuzz_${name} ${dir}/fuzz_${name}.c ${arg_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE ${arg_LIBS} project_flags)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endif()
  if(POSTERN_SANITIZE MATCHES address)
    add_executable(replay_${name} ${dir}/fuzz_${name}.c ${dir}/replay.c ${dir}/seeds.c ${arg_SOURCES})
    target_link_libraries(replay_${name} PRIVATE ${arg_LIBS} project_flags)
    add_test(NAME fuzz.${name} COMMAND replay_${name} ${dir}/seeds/${name}.txt)
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 300 LABELS fuzz)
  endif()
endfunction()
