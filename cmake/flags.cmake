# One INTERFACE target carries every compiler flag; generated code takes generated_flags instead.

add_library(project_flags INTERFACE)
target_include_directories(project_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(project_flags INTERFACE _GNU_SOURCE POSTERN_VERSION="${PROJECT_VERSION}")
target_compile_options(project_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Wmissing-prototypes
  -Wstrict-prototypes -Wvla -Wno-format-zero-length -Werror -fno-strict-aliasing -fno-omit-frame-pointer)

if(POSTERN_SANITIZE)
  add_compile_options(-fsanitize=${POSTERN_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${POSTERN_SANITIZE})
endif()

if(POSTERN_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(POSTERN_HARDEN)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection -U_FORTIFY_SOURCE
    -D_FORTIFY_SOURCE=3)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack,--as-needed)
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
