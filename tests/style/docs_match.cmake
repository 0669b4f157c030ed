# ctest style.docs: the documentation's tables are the programs' own.
#
#   cmake -DROOT=<project> -DBIN=<build>/bin -P docs_match.cmake
#
# docs/OPERATING.md quotes the settings of each daemon's --help; docs/PROTOCOL.md has a row for each code of
# proto/codes.h.  A default that changes without its document fails here.

cmake_minimum_required(VERSION 3.25)
set(problems)

file(READ ${ROOT}/docs/OPERATING.md operating)
foreach(daemon edge auth router)
  execute_process(COMMAND ${BIN}/postern-${daemon} --help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
  string(FIND "${help}" "Settings:\n" from)
  string(FIND "${help}" "\n\nOther options:" to)
  math(EXPR from "${from} + 10")
  math(EXPR length "${to} - ${from}")
  string(SUBSTRING "${help}" ${from} ${length} settings)
  string(FIND "${operating}" "```\n${settings}\n```" at)
  if(at LESS 0)
    list(APPEND problems "docs/OPERATING.md does not quote the settings of postern-${daemon} --help")
  endif()
endforeach()

file(READ ${ROOT}/docs/PROTOCOL.md protocol)
file(READ ${ROOT}/proto/codes.h codes)
string(REGEX MATCHALL "X\\([0-9]+, [A-Z_]+, \"[^\"]+\"" rows "${codes}")
foreach(row IN LISTS rows)
  string(REGEX MATCH "X\\(([0-9]+), [A-Z_]+, \"([^\"]+)\"" unused "${row}")
  string(FIND "${protocol}" "| ${CMAKE_MATCH_1} | ${CMAKE_MATCH_2} |" at)
  if(at LESS 0)
    list(APPEND problems "docs/PROTOCOL.md has no row for ${CMAKE_MATCH_1} ${CMAKE_MATCH_2}")
  endif()
endforeach()
list(LENGTH rows n)
if(n LESS 30)
  list(APPEND problems "only ${n} codes were found in proto/codes.h: this check reads it wrongly")
endif()

if(problems)
  list(JOIN problems "\n  " text)
  message(FATAL_ERROR "the documentation differs from the programs:\n  ${text}")
endif()
message(STATUS "settings of 3 daemons and ${n} codes stand in the documentation")
