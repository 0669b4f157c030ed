# Every library that Postern links, and the Debian package that brings it.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(postern_package target module debian)
  pkg_check_modules(${target} QUIET IMPORTED_TARGET ${module})
  if(NOT ${target}_FOUND)
    message(FATAL_ERROR "Postern needs ${module}: apt-get install ${debian} (scripts/up does it)")
  endif()
  message(STATUS "${module} ${${target}_VERSION}")
  add_library(postern_${target} INTERFACE)
  target_link_libraries(postern_${target} INTERFACE PkgConfig::${target})
endfunction()

postern_package(uv "libuv>=1.44" libuv1-dev)
postern_package(lws "libwebsockets>=4.1.6" libwebsockets-dev)
postern_package(jwt "libjwt>=1.10.2" libjwt-dev)
postern_package(protobufc "libprotobuf-c>=1.4.1" libprotobuf-c-dev)
postern_package(crypto "libcrypto>=3.0" libssl-dev)
postern_package(crypt "libcrypt>=4.4" libcrypt-dev)
postern_package(sqlite "sqlite3>=3.40" libsqlite3-dev)
postern_package(jansson "jansson>=2.14" libjansson-dev)
postern_package(cmocka "cmocka>=1.1.5" libcmocka-dev)

# NNG ships a CMake package and no pkg-config file.
find_package(nng CONFIG QUIET)
if(NOT nng_FOUND)
  message(FATAL_ERROR "Postern needs nng: apt-get install libnng-dev (scripts/up does it)")
endif()
message(STATUS "nng ${nng_VERSION}")
add_library(postern_nng INTERFACE)
target_link_libraries(postern_nng INTERFACE nng::nng)

find_program(PROTOC_C protoc-c)
if(NOT PROTOC_C)
  message(FATAL_ERROR "Postern needs protoc-c: apt-get install protobuf-c-compiler (scripts/up does it)")
endif()
