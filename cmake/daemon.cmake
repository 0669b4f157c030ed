# add_core(NAME SOURCES... LIBS...)        a static library with the project's flags
# add_daemon(NAME SOURCES... LIBS...)      an executable: main.c around its core
# add_unit_test(NAME SOURCES... LIBS...)   tests/unit/test_NAME.c as the ctest unit.NAME
# add_fuzzer(NAME LIBS...)                 tests/fuzz/fuzz_NAME.c, when POSTERN_FUZZ is on

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
  cmake_parse_arguments(arg "" "" "LIBS" ${ARGN})
  if(POSTERN_FUZZ)
    add_executable(fuzz_${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ${arg_LIBS} project_flags)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    # Enough to run over what is known to be hard; a search takes hours: bin/fuzz_NAME CORPUS
    file(GLOB dict ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.dict)
    list(TRANSFORM dict PREPEND -dict=)
    add_test(NAME fuzz.${name}
      COMMAND fuzz_${name} -runs=100000 -max_len=16384 ${dict})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz)
  endif()
endfunction()
