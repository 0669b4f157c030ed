# ctest style.layers: reads every include line of the project and refuses those that cross a layer.
#
#   cmake -DROOT=<project> -P layers.cmake

cmake_minimum_required(VERSION 3.25)
if(NOT ROOT)
  message(FATAL_ERROR "usage: cmake -DROOT=<project> -P layers.cmake")
endif()

# Which of the project's folders a folder may include.
set(may_common common)
set(may_proto common proto)
set(may_edge common proto edge)
set(may_auth common proto auth)
set(may_router common proto router)
set(folders common proto edge auth router)

# Which files may include a library's header.  What is not listed here is free for all.
set(libraries
  "nng/ ^common/(bus|nng)[a-z0-9_]*\\.[ch]$"
  "libwebsockets\\.h ^edge/ws[a-z0-9_]*\\.c$"
  "jwt\\.h ^auth/token[a-z0-9_]*\\.c$"
  "jansson\\.h ^(common/json\\.h|auth/[a-z0-9_]+\\.[ch])$"
  "openssl/(bio|bn|ec|err|pem|rsa|sha|x509) ^auth/"
  "openssl/(evp|core_names|param_build) ^(auth/[a-z0-9_]+|edge/fingerprint|proto/ticket|router/store_mac)\\.[ch]$"
  "crypt\\.h ^auth/[a-z0-9_]+\\.c$"
  "sqlite3\\.h ^(auth/db|router/store[a-z0-9_]*)\\.c$"
  "seccomp ^common/sandbox\\.c$")

set(problems)
set(count 0)

foreach(folder ${folders})
  file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/${folder}/*.c ${ROOT}/${folder}/*.h)
  foreach(file ${files})
    math(EXPR count "${count} + 1")
    file(STRINGS ${ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include")
    foreach(line ${lines})
      if(line MATCHES "\"([^\"]+)\"")
        set(header ${CMAKE_MATCH_1})
        # what protoc-c makes of proto/ is found without its folder
        string(REGEX REPLACE "^([a-z]+\\.pb-c\\.h)$" "proto/\\1" header "${header}")
        if(NOT header MATCHES "^([a-z]+)/")
          list(APPEND problems "${file}: \"${header}\" is not rooted at the project")
        elseif(NOT CMAKE_MATCH_1 IN_LIST may_${folder})
          list(APPEND problems "${file}: ${folder}/ must not include ${header}")
        endif()
      elseif(line MATCHES "<([^>]+)>")
        set(header ${CMAKE_MATCH_1})
        foreach(library ${libraries})
          string(REGEX REPLACE " .*" "" pattern "${library}")
          string(REGEX REPLACE "^[^ ]* " "" where "${library}")
          if(header MATCHES "^${pattern}" AND NOT file MATCHES "${where}")
            list(APPEND problems "${file}: <${header}> does not belong here")
          endif()
        endforeach()
      endif()
    endforeach()
  endforeach()
endforeach()

if(count LESS 10)
  list(APPEND problems "only ${count} files found under ${ROOT}")
endif()
if(problems)
  list(JOIN problems "\n  " text)
  message(FATAL_ERROR "Layers are crossed:\n  ${text}")
endif()
message(STATUS "${count} files keep to their layers")
