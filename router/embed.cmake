# cmake -DOUT=assets.c -DDIR=web -P embed.cmake
# Writes the files of the dashboard as one C table, so that the router needs no path at run time.

set(arrays "")
set(table "")

function(embed path file type)
  string(MAKE_C_IDENTIFIER "${file}" name)
  file(READ "${DIR}/${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char ${name}[] = {\n${bytes}\n};\n")
  string(APPEND table "\t{\"${path}\", \"${type}\", ${name}, sizeof(${name})},\n")
  set(arrays "${arrays}" PARENT_SCOPE)
  set(table "${table}" PARENT_SCOPE)
endfunction()

embed(/ dashboard.html "text/html; charset=utf-8")
embed(/dashboard.js dashboard.js "text/javascript; charset=utf-8")
embed(/dashboard.css dashboard.css "text/css; charset=utf-8")

file(WRITE "${OUT}"
  "/* Made by embed.cmake. */\n#include \"router/assets.h\"\n\n#include <stddef.h>\n\n${arrays}\n"
  "const struct asset assets[] = {\n${table}\t{NULL, NULL, NULL, 0},\n};\n")
